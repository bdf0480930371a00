import { TYPES } from "postgraphile/@dataplan/pg";
import { lambda } from "postgraphile/grafast";
import { sql, type SQL } from "postgraphile/pg-sql2";
import { GroupsStep } from "./groups-step.ts";
import { typeIdPrefix } from "./type-id-plugin.ts";

/** A way to group rows by a column. */
interface Grouping {
  /** What follows the column's name, such as `-truncated-to-day`. */
  readonly suffix: string;
  readonly description?: string;
  readonly fragment: (column: SQL) => SQL;
}

const timeUnits = ["hour", "day", "week", "month", "quarter", "year"];
const uninteresting = ["id", "tenant_id", "updated_at", "deleted_at"];
const wholeValue: Grouping = { suffix: "", fragment: (column) => column };

/** Groups by spans of time: of instants in the tenant's time zone, of days as they are. */
function timeSpans(codec: any): Grouping[] {
  const units = codec === TYPES.date ? timeUnits.slice(1) : timeUnits;
  return units.map((unit) => ({
    suffix: `-truncated-to-${unit}`,
    description: `By ${unit}${codec === TYPES.date ? "" : " in the tenant's time zone"}; the key is where the ${unit} begins.`,
    fragment: (column) =>
      codec === TYPES.date
        ? sql`date_trunc(${sql.literal(unit)}, ${column}::timestamp)::date`
        : // The sub-select is asked once, not for each row.
          sql`date_trunc(${sql.literal(unit)}, ${column}, (select app.time_zone()))`,
  }));
}

/** The ways to group by a column: closed lists, booleans and references as they are, times by spans, others if indexed. */
function groupings(build: any, resource: any, name: string): Grouping[] {
  const attribute = resource.codec.attributes[name];
  const { codec } = attribute;
  const matches = (behavior: string) =>
    Boolean(build.behavior.pgCodecAttributeMatches([resource.codec, name], behavior));
  if (uninteresting.includes(name) || !matches("attribute:groupBy") || !matches("attribute:select")) return [];
  if (codec === TYPES.timestamptz || codec === TYPES.date) return timeSpans(codec);
  if (resource.uniques.some(({ attributes }: any) => attributes.length === 1 && attributes[0] === name)) return [];
  if (codec.values || codec === TYPES.boolean || typeIdPrefix(codec) || matches("attribute:orderBy"))
    return [wholeValue];
  return [];
}

/**
 * `groupedAggregates`: which columns rows can be grouped by, with the values as clients know them, in order, and a bound
 * on the number of groups. `count` says how many rows a group has.
 */
export function groupingPlugin(limits: { readonly groupsMax: number }): GraphileConfig.Plugin {
  return {
    name: "GroupingPlugin",
    version: "1.0.0",
    after: ["aggregates"],
    schema: {
      behaviorRegistry: {
        add: {
          "attribute:groupBy": { description: "can rows be grouped by it?", entities: ["pgCodecAttribute"] },
        },
      },
      entityBehavior: { pgCodecAttribute: ["attribute:groupBy"] },
      hooks: {
        GraphQLEnumType_values(values: any, build: any, { scope }: any) {
          const { isPgAggregateGroupEnum, pgTypeResource: resource } = scope;
          if (!isPgAggregateGroupEnum) return values;
          const added: Record<string, unknown> = {};
          for (const [name, { codec }] of Object.entries<any>(resource.codec.attributes)) {
            const attributeName = build.inflection._attributeName({ codec: resource.codec, attributeName: name });
            for (const { suffix, description, fragment } of groupings(build, resource, name)) {
              const apply = (query: any) =>
                query.groupBy({ fragment: fragment(sql`${query.alias}.${sql.identifier(name)}`), codec });
              const valueName = build.inflection.constantCase(attributeName + suffix);
              added[valueName] = { description, extensions: { grafast: { apply } } };
            }
          }
          return build.extend(values, added, "GroupingPlugin");
        },
        GraphQLObjectType_fields(fields: any, build: any, { scope, fieldWithHooks }: any) {
          if (!scope.isPgAggregateContainerType) return fields;
          const { keys, ...rest } = fields;
          const count = fieldWithHooks({ fieldName: "count" }, () => ({
            description: "How many rows there are.",
            type: new build.graphql.GraphQLNonNull(build.graphql.GraphQLInt),
            plan: ($group: any) => $group.select(sql`count(*)::int`, TYPES.int, true),
          }));
          const plan = ($group: any) => {
            const $details = $group.getClassStep().getGroupDetails();
            return lambda([$details, $group], ([details, row]: any) => keysOf(build, details.indicies, row));
          };
          return { ...(keys && { keys: { ...keys, plan } }), count, ...rest };
        },
        GraphQLObjectType_fields_field(field: any, build: any, { scope }: any) {
          const isGroups = scope.isConnectionType && field.args?.groupBy && field.plan;
          if (!isGroups) return field;
          const { groupBy } = field.args;
          return {
            ...field,
            type: new build.graphql.GraphQLNonNull(build.graphql.getNullableType(field.type)),
            description: `Aggregates over the rows of each group, whatever the page; at most ${limits.groupsMax} groups, ordered by their keys.`,
            args: {
              groupBy: {
                ...groupBy,
                description: "What the rows of a group have in common.",
                applyPlan: (_$parent: unknown, $groups: GroupsStep, input: any) => input.apply($groups.getClassStep()),
              },
            },
            plan: (...args: unknown[]) => new GroupsStep(field.plan(...args), limits.groupsMax),
          };
        },
      },
    } as any,
  };
}

/** The values of a group as clients write them: names of enum values, TypeIDs. */
function keysOf(build: any, groups: readonly { index: number; codec: any }[], row: any): (string | null)[] | null {
  if (groups.length === 0 || row == null) return null;
  return groups.map(({ index, codec }) => {
    const value: string | null = row[index];
    if (value === null) return null;
    if (codec.values) return build.inflection.enumValue(value, codec);
    return typeIdPrefix(codec) ? codec.fromPg(value) : value;
  });
}
