import { createMutations } from "./create-mutations.ts";
import { changeMutations } from "./change-mutations.ts";
import { nestedInputFields, registerNestedInputs } from "./nested-input.ts";
import { isOfLiving } from "./index-predicate.ts";
import { registerWrite, writeField, type WriteMutation } from "./write-mutation.ts";
import { writableTables, type UniqueKey } from "./writable-tables.ts";

/**
 * The mutations of tables: create, update, delete and restore one row; create, upsert, update, delete and restore many in
 * one statement. What may be written follows the column grants of rowhouse_admin and the smart tags `-insert`,
 * `-update`, `-delete` and `-bulk` of a table; what a role may really do is decided by its own grants.
 */
export function writePlugin(limits: { readonly rowsMax: number }): GraphileConfig.Plugin {
  const mutations = (build: any): WriteMutation[] =>
    writableTables(build).flatMap((table) => [
      ...createMutations(table, limits.rowsMax),
      ...changeMutations(table, limits.rowsMax),
    ]);
  return {
    name: "WritePlugin",
    version: "1.0.0",
    after: ["PgTablesPlugin", "PgRBACPlugin", "PgCustomTypeFieldPlugin"],
    gather: {
      hooks: {
        pgTables_PgResourceOptions(_info: unknown, { pgClass, resourceOptions }: any) {
          const uniqueKeys: UniqueKey[] = [];
          for (const index of pgClass.getIndexes?.() ?? []) {
            const columns = index.getKeys().map((key: any) => key?.attname);
            if (!index.indisunique || index.indisprimary || columns.includes(undefined)) continue;
            if (index.indpred && !isOfLiving(pgClass, index)) continue;
            uniqueKeys.push({ name: index.getIndexClass().relname, columns, isOfLiving: Boolean(index.indpred) });
          }
          resourceOptions.extensions = { ...resourceOptions.extensions, uniqueKeys };
        },
      },
    } as any,
    schema: {
      behaviorRegistry: {
        add: Object.fromEntries(
          ["insert", "update", "delete", "bulk"].map((verb) => [
            `resource:${verb}`,
            { description: `are there mutations that ${verb} rows of this table?`, entities: ["pgResource"] },
          ]),
        ),
      },
      entityBehavior: {
        pgResource: {
          inferred: {
            provides: ["default"],
            before: ["inferred"],
            callback: (behavior: any) => ["insert", "update", "delete", "bulk", behavior],
          },
        },
      },
      hooks: {
        init: {
          after: ["PgTablesPlugin", "PgManyToManyRelationPlugin"],
          callback(_: unknown, build: any) {
            for (const table of writableTables(build)) registerNestedInputs(build, table);
            for (const mutation of mutations(build)) {
              mutation.registerTypes?.(build);
              registerWrite(build, mutation);
            }
            return _;
          },
        },
        GraphQLInputObjectType_fields(fields: any, build: any, { scope }: any) {
          if (!scope.isPgRowType || scope.isPgPatch || scope.isPgBaseInput) return fields;
          const table = writableTables(build).find((each) => each.resource.codec === scope.pgCodec);
          return table ? build.extend(fields, nestedInputFields(build, table), "WritePlugin") : fields;
        },
        GraphQLObjectType_fields(fields: any, build: any, { scope, fieldWithHooks }: any) {
          if (!scope.isRootMutation) return fields;
          const added = mutations(build).map((mutation) => [
            mutation.fieldName,
            fieldWithHooks({ fieldName: mutation.fieldName }, () => writeField(build, mutation)),
          ]);
          return build.extend(fields, Object.fromEntries(added), "WritePlugin");
        },
      },
    } as any,
  };
}
