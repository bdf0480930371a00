import { PgSimplifyInflectionPlugin, PgSimplifyInflectionPreset } from "@graphile/simplify-inflection";
import { typeIdPrefix } from "./type-id-plugin.ts";

const NamingPlugin: GraphileConfig.Plugin = {
  name: "NamingPlugin",
  version: "1.0.0",
  after: ["PgSimplifyInflectionPlugin"],
  inflection: {
    replace: {
      _schemaPrefix: () => "",
      // The column `id` is the field `id`, a TypeID; the uuid behind it is the field `rowId`. A reference such as
      // `created_by` is `createdById` where it is an id, which leaves `createdBy` to the object.
      _attributeName(previous: any, _preset: unknown, details: any) {
        const name: string = previous({ ...details, skipRowId: true });
        return typeIdPrefix(details.codec.attributes[details.attributeName].codec) && !/(^|_)id$/.test(name)
          ? `${name}_id`
          : name;
      },
      // Seen from the actor: `createdLists`, `startedListImports`, `assignedLeads`.
      _getOppositeBaseName: (previous: any, _preset: unknown, baseName: string) =>
        /^(.+)_(?:by|to)$/.exec(baseName)?.[1] ?? previous(baseName),
      // `events` is the feed itself; this is the table of it, to be filtered and counted.
      allRowsConnection: (previous: any, _preset: unknown, resource: any) =>
        resource.codec.extensions?.pg?.name === "events" ? "allEvents" : previous(resource),
      _manyRelation(this: any, previous: any, _preset: unknown, details: any) {
        const name: string = previous(details);
        const parent: string = this._singularizedCodecName(details.codec);
        const rest = new RegExp(`^${this.camelCase(parent)}([A-Z].*)$`).exec(name)?.[1];
        return rest && !name.includes("By") ? this.camelCase(rest) : name;
      },
    } as any,
  },
};

/** The library's names, without its complaint about those that belong to parts we do not use. */
const SimplePlugin: GraphileConfig.Plugin = {
  ...PgSimplifyInflectionPlugin,
  inflection: {
    ...PgSimplifyInflectionPlugin.inflection,
    ignoreReplaceIfNotExists: Object.keys(PgSimplifyInflectionPlugin.inflection?.replace ?? {}) as never,
  },
};

/**
 * Names of the API: no schema prefixes, columns as they are called, relations as one speaks of them (`entry.list`,
 * `list.entries`, `list.createdBy`).
 */
export const NamingPreset: GraphileConfig.Preset = {
  ...PgSimplifyInflectionPreset,
  plugins: [SimplePlugin, NamingPlugin],
};
