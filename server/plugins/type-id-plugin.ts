import type { PgCodec } from "postgraphile/@dataplan/pg";
import { listOfCodec, TYPES } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";
import { decodeTypeId, encodeTypeId, parseTypeId } from "../../lib/type-id.ts";

/** What a TypeID codec knows of itself. */
interface TypeIdExtensions {
  readonly typeIdPrefix: string;
}

const codecs = new Map<string, PgCodec>();

/** The codec of a uuid column that clients see as TypeIDs of one prefix; the same object for the same prefix. */
function typeIdCodec(prefix: string): PgCodec {
  let codec = codecs.get(prefix);
  if (!codec) {
    codec = {
      ...TYPES.uuid,
      name: `typeId_${prefix}`,
      sqlType: sql`uuid`,
      fromPg: (uuid: string) => encodeTypeId(prefix, uuid),
      toPg: (id: string) => decodeTypeId(prefix, id),
      extensions: { typeIdPrefix: prefix } satisfies TypeIdExtensions,
    } as unknown as PgCodec;
    codecs.set(prefix, codec);
  }
  return codec;
}

/** The prefix of the TypeIDs that a codec stands for; undefined for every other codec. */
export function typeIdPrefix(codec: PgCodec | undefined): string | undefined {
  return (codec?.extensions as Partial<TypeIdExtensions> | undefined)?.typeIdPrefix;
}

/** The prefix that a table's comment names by `@typeid list`. */
function prefixOfClass(pgClass: any): string | undefined {
  const tag: unknown = pgClass?.getTags().typeid;
  return typeof tag === "string" ? tag : undefined;
}

/**
 * The prefix of the rows that a column holds the ids of: its own table's for `id`, the target's for a foreign key, and
 * what its comment says (`@typeid contact`) where no key can be.
 */
function prefixOfColumn(pgClass: any, pgAttribute: any): string | undefined {
  if (pgAttribute.attname === "id") return prefixOfClass(pgClass);
  // Nobody sees it, and not every table has the reference to tell what it is: it must be the same everywhere.
  if (pgAttribute.attname === "tenant_id") return undefined;
  const tag: unknown = pgAttribute.getTags().typeid;
  if (typeof tag === "string") return tag;
  for (const constraint of pgClass.getConstraints()) {
    if (constraint.contype !== "f" || constraint.conkey.at(-1) !== pgAttribute.attnum) continue;
    return prefixOfClass(constraint.getForeignClass());
  }
  return undefined;
}

/**
 * Shows ids as TypeIDs wherever they occur: the `id` of a table tagged `@typeid <prefix>`, every foreign key to it, and
 * every argument of a function named after it (`list_id`, `plan_id`, `step_ids`) or told by the function's own
 * `@typeid <prefix>`; reads them back wherever they are given.
 */
export const TypeIdPlugin: GraphileConfig.Plugin = {
  name: "TypeIdPlugin",
  version: "1.0.0",
  before: ["PgIndexBehaviorsPlugin"],
  gather: {
    hooks: {
      pgCodecs_attribute(_info: unknown, { pgClass, pgAttribute, attribute }: any) {
        if (attribute.codec !== TYPES.uuid) return;
        const prefix = prefixOfColumn(pgClass, pgAttribute);
        if (prefix) attribute.codec = typeIdCodec(prefix);
      },
      async pgProcedures_PgResourceOptions(info: any, { serviceName, resourceOptions }: any) {
        const { introspection } = await info.helpers.pgIntrospection.getService(serviceName);
        for (const parameter of resourceOptions.parameters ?? []) {
          const isList = parameter.codec.arrayOfCodec === TYPES.uuid;
          if (!isList && parameter.codec !== TYPES.uuid) continue;
          const name = (isList ? /^(.+)_ids$/ : /^(.+)_id$/).exec(parameter.name ?? "")?.[1];
          if (name === undefined) continue;
          const tagged = introspection.classes.filter(prefixOfClass);
          // `list_import_id` names the table; `export_id` of exp_… and `plan_id` of plan_… name the kind of TypeID.
          const target =
            tagged.find((each: any) => singularOf(info, each.relname) === name) ??
            tagged.find((each: any) => name.startsWith(prefixOfClass(each)!));
          // `winner_id` is named after what it does; the function's comment says what it is the id of.
          const prefix: unknown = prefixOfClass(target) ?? resourceOptions.extensions?.tags?.typeid;
          if (typeof prefix !== "string") continue;
          parameter.codec = isList ? listOfCodec(typeIdCodec(prefix) as any) : typeIdCodec(prefix);
        }
      },
    },
  } as any,
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        override: {
          provides: ["typeId"],
          // The id of a row is the field `id` of interface Node.
          callback: (behavior: any, [codec, name]: any) =>
            name === "id" && typeIdPrefix(codec.attributes[name].codec) ? [behavior, "-attribute:select"] : behavior,
        },
      },
    },
    hooks: {
      build(build: any) {
        const typeNames = new Map<string, string>();
        build.registerNodeIdCodec({
          name: "typeId",
          encode: Object.assign((value: unknown) => (value as unknown[])[1] as string, { isSyncAndSafe: true }),
          decode: Object.assign(
            (id: string) => {
              const typeName = typeNames.get(parseTypeId(id)?.prefix ?? "");
              return typeName ? [typeName, id] : null;
            },
            { isSyncAndSafe: true },
          ),
        });
        return build.extend(build, { typeNamesByPrefix: typeNames }, "TypeIdPlugin");
      },
      init: {
        before: ["PgCodecs", "PgTableNodePlugin"],
        callback(_: unknown, build: any) {
          for (const codec of Object.values<any>(build.input.pgRegistry.pgCodecs)) {
            const prefix = typeIdPrefix(codec.attributes?.id?.codec);
            if (prefix) build.typeNamesByPrefix.set(prefix, build.inflection.tableType(codec));
          }
          for (const codec of codecs.values()) build.setGraphQLTypeForPgCodec(codec, ["input", "output"], "ID");
          return _;
        },
      },
    },
  } as any,
};

function singularOf(info: any, relname: string): string {
  return info.inflection.singularize(relname);
}
