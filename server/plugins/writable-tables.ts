import { isSoftDeleted } from "./soft-delete-plugin.ts";
import { typeIdPrefix } from "./type-id-plugin.ts";

/** A unique key that rows can be upserted by. */
export interface UniqueKey {
  /** Name of its index. */
  readonly name: string;
  readonly columns: readonly string[];
  /** It holds among living rows only. */
  readonly isOfLiving: boolean;
}

/** A column as mutations write it. */
export interface WritableColumn {
  readonly attribute: string;
  readonly codec: any;
  readonly canInsert: boolean;
  readonly canUpdate: boolean;
}

/** A table that mutations write, as grants and smart tags have it. */
export interface WritableTable {
  readonly resource: any;
  /** GraphQL names: `List`, `list`, `lists`. */
  readonly typeName: string;
  readonly one: string;
  readonly many: string;
  /** Prefix of its ids. */
  readonly prefix: string;
  /** By GraphQL field. */
  readonly columns: ReadonlyMap<string, WritableColumn>;
  readonly keys: readonly UniqueKey[];
  readonly canInsert: boolean;
  readonly canUpdate: boolean;
  readonly canBulk: boolean;
  /** Rows are marked as deleted, and can be restored. */
  readonly deletion: "soft" | "hard" | "none";
}

const tablesByBuild = new WeakMap<object, readonly WritableTable[]>();

/** The tables that the API writes. */
export function writableTables(build: any): readonly WritableTable[] {
  let tables = tablesByBuild.get(build);
  if (!tables) {
    tables = Object.values<any>(build.pgResources).flatMap((resource) => describeTable(build, resource) ?? []);
    tablesByBuild.set(build, tables);
  }
  return tables;
}

function describeTable(build: any, resource: any): WritableTable | undefined {
  const { codec } = resource;
  const prefix = typeIdPrefix(codec.attributes?.id?.codec);
  const unique = resource.uniques.find((each: any) => each.isPrimary);
  if (resource.parameters || !prefix || unique?.attributes.length !== 1) return undefined;
  const typeName = build.inflection.tableType(codec);
  const allows = (verb: string) => Boolean(build.behavior.pgResourceMatches(resource, `resource:${verb}`));
  const columns = new Map<string, WritableColumn>();
  for (const [attribute, { codec: type }] of Object.entries<any>(codec.attributes)) {
    const can = (verb: string) =>
      Boolean(build.behavior.pgCodecAttributeMatches([codec, attribute], `attribute:${verb}`));
    const column = { attribute, codec: type, canInsert: can("insert"), canUpdate: can("update") };
    if (column.canInsert || column.canUpdate)
      columns.set(build.inflection.attribute({ codec, attributeName: attribute }), column);
  }
  const has = (verb: "canInsert" | "canUpdate") => [...columns.values()].some((column) => column[verb]);
  const isSoft = isSoftDeleted(codec);
  const canSoftDelete = isSoft && codec.attributes.deleted_at.extensions?.canUpdate === true;
  return {
    resource,
    typeName,
    one: build.inflection.camelCase(typeName),
    many: build.inflection.camelCase(
      build.inflection.distinctPluralize(build.inflection._singularizedResourceName(resource)),
    ),
    prefix,
    columns,
    keys: resource.extensions?.uniqueKeys ?? [],
    canInsert: allows("insert") && has("canInsert"),
    canUpdate: allows("update") && has("canUpdate"),
    canBulk: allows("bulk"),
    deletion: canSoftDelete && allows("update") ? "soft" : !isSoft && allows("delete") ? "hard" : "none",
  };
}
