import { lambda } from "postgraphile/grafast";
import { TYPES } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";
import { encodeTypeId } from "../../lib/type-id.ts";
import { typeIdPrefix } from "./type-id-plugin.ts";

/** Keeps the uuid behind every TypeID in reach: a field `rowId` on each such type, and a query such as `listByRowId`. */
export const RowIdPlugin: GraphileConfig.Plugin = {
  name: "RowIdPlugin",
  version: "1.0.0",
  inflection: {
    add: {
      rowByRowId(this: any, _preset: unknown, resource: any) {
        return this.camelCase(`${this.tableType(resource.codec)}-by-row-id`);
      },
    } as any,
  },
  schema: {
    hooks: {
      GraphQLObjectType_fields(fields: any, build: any, { scope, fieldWithHooks }: any) {
        const { GraphQLNonNull } = build.graphql;
        const Uuid = () => new GraphQLNonNull(build.getGraphQLTypeByPgCodec(TYPES.uuid, "output"));

        if (scope.isPgClassType && typeIdPrefix(scope.pgCodec?.attributes?.id?.codec)) {
          const rowId = fieldWithHooks({ fieldName: "rowId" }, () => ({
            description: "The uuid behind `id`, for use with other systems.",
            type: Uuid(),
            // The cast tells it from the expression of the TypeID.
            plan: ($row: any) => $row.select(sql`${$row}.${sql.identifier("id")}::uuid`, TYPES.uuid, true),
          }));
          // Directly after `id`, where one looks for it.
          const { id, ...rest } = fields;
          return build.extend(id ? { id, rowId } : { rowId }, rest, "Adding rowId");
        }

        if (!scope.isRootQuery) return fields;
        const added: Record<string, unknown> = {};
        for (const resource of Object.values<any>(build.pgResources)) {
          const unique = !resource.parameters && resource.uniques.find((each: any) => each.isPrimary);
          const prefix = typeIdPrefix(resource.codec.attributes?.id?.codec);
          const type = prefix && build.getTypeByName(build.inflection.tableType(resource.codec));
          if (!type || !unique || !build.behavior.pgResourceUniqueMatches([resource, unique], "query:resource:single"))
            continue;
          const fieldName = build.inflection.rowByRowId(resource);
          added[fieldName] = fieldWithHooks(
            { fieldName, isPgRowByUniqueConstraintField: true, pgFieldResource: resource },
            () => ({
              description: `Get a single \`${type.name}\` by its uuid.`,
              type,
              args: { rowId: { type: Uuid() } },
              plan: (_$root: unknown, args: any) =>
                resource.get({
                  id: lambda(args.getRaw("rowId"), (uuid: any) => uuid && encodeTypeId(prefix, uuid), true),
                }),
            }),
          );
        }
        return build.extend(fields, added, "Adding look-ups by uuid");
      },
    },
  } as any,
};
