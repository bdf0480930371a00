import { TYPES } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";
import { writableTables } from "./writable-tables.ts";

/**
 * A field `rowVersion` on every type that can be changed: give it back as `expectedVersion`, and nothing is changed unless
 * the row is still the one that was read. It is the transaction that wrote the row, which PostgreSQL keeps anyway.
 */
export const RowVersionPlugin: GraphileConfig.Plugin = {
  name: "RowVersionPlugin",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType_fields(fields: any, build: any, { scope, fieldWithHooks }: any) {
        if (!scope.isPgClassType) return fields;
        const table = writableTables(build).find((each) => each.resource.codec === scope.pgCodec);
        if (!table || (!table.canUpdate && table.deletion === "none")) return fields;
        const rowVersion = fieldWithHooks({ fieldName: "rowVersion" }, () => ({
          description: "Changes whenever the row does; meaningless otherwise. To be given back as `expectedVersion`.",
          type: new build.graphql.GraphQLNonNull(build.graphql.GraphQLString),
          plan: ($row: any) => $row.select(sql`${$row}.xmin::text`, TYPES.text, true),
        }));
        return build.extend(fields, { rowVersion }, "RowVersionPlugin");
      },
    },
  } as any,
};
