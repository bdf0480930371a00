import { sql } from "postgraphile/pg-sql2";

/** Whether a table's rows are deleted by marking them. */
export function isSoftDeleted(codec: any): boolean {
  return codec?.attributes?.deleted_at !== undefined;
}

const deletedAt = (alias: any) => sql`${alias}.${sql.identifier("deleted_at")}`;

/**
 * Leaves deleted rows out of everything that is read, unless the argument `deleted` asks for them: lists, aggregates,
 * single rows and relations of tables that have a column deleted_at.
 */
export const SoftDeletePlugin: GraphileConfig.Plugin = {
  name: "SoftDeletePlugin",
  version: "1.0.0",
  after: ["PgTablesPlugin", "PgRelationsPlugin", "PgAllRowsPlugin", "PgRowByUniquePlugin", "RowIdPlugin"],
  gather: {
    hooks: {
      pgTables_PgResourceOptions(_info: unknown, { resourceOptions }: any) {
        if (!isSoftDeleted(resourceOptions.codec)) return;
        // The library calls this for each query of the table that is not marked as trusted.
        resourceOptions.selectAuth = ($select: any) => {
          if ($select.mode !== "mutation") $select.where(sql`${deletedAt($select.alias)} is null`);
        };
      },
    },
  } as any,
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        override: {
          provides: ["softDelete"],
          // Written by the mutations that delete and restore, by no other.
          callback: (behavior: any, [, name]: any) =>
            name === "deleted_at" ? [behavior, "-attribute:insert", "-attribute:update", "-attribute:base"] : behavior,
        },
      },
    },
    hooks: {
      init(_: unknown, build: any) {
        build.registerEnumType(
          "DeletedRows",
          {},
          () => ({
            description: "What to do with rows that were deleted and can be restored.",
            values: {
              EXCLUDE: { description: "Leave them out." },
              INCLUDE: { description: "Show them among the others; their `deletedAt` is set." },
              ONLY: { description: "Show only them." },
            },
          }),
          "SoftDeletePlugin",
        );
        return _;
      },
      GraphQLObjectType_fields_field_args(args: any, build: any, { scope }: any) {
        const resource = scope.pgFieldResource ?? remoteResource(scope.pgRelationDetails);
        const isRead =
          scope.isPgFieldConnection || scope.isPgRowByUniqueConstraintField || scope.isPgSingleRelationField;
        if (!isRead || !isSoftDeleted(resource?.codec) || resource.parameters) return args;
        return build.extend(
          args,
          {
            deleted: {
              description: "What to do with deleted rows.",
              type: build.getTypeByName("DeletedRows"),
              defaultValue: "EXCLUDE",
              applyPlan(_parent: unknown, $result: any, arg: any) {
                const $select = $result.getSubplan?.() ?? $result.getClassStep?.() ?? $result;
                const wish = arg.getRaw().eval();
                if (wish !== "INCLUDE" && wish !== "ONLY") return;
                if (wish === "ONLY") $select.where(sql`${deletedAt($select.alias)} is not null`);
                $select.setTrusted();
              },
            },
          },
          "Adding the argument deleted",
        );
      },
    },
  } as any,
};

function remoteResource(details: any): any {
  return details?.registry.pgRelations[details.codec.name][details.relationName].remoteResource;
}
