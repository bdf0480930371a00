import { PgManyToManyPreset } from "@graphile-contrib/pg-many-to-many";
import { connection } from "postgraphile/grafast";
import { sql } from "postgraphile/pg-sql2";
import { isSoftDeleted } from "./soft-delete-plugin.ts";

/** Which rows of the junction belong to the left row, and which rows on the right they name. */
function plan({ leftTable, leftRelationName, junctionTable, rightRelationName, rightTable }: any) {
  const left = leftTable.getRelation(leftRelationName);
  const right = junctionTable.getRelation(rightRelationName);
  const columns = (alias: any, names: string[]) =>
    sql.join(
      names.map((name) => sql`${alias}.${sql.identifier(name)}`),
      ", ",
    );
  return ($left: any) => {
    const $rights = rightTable.find();
    const junction = sql.identifier(Symbol("junction"));
    const conditions = left.remoteAttributes.map(
      (name: string, n: number) =>
        sql`${junction}.${sql.identifier(name)} = ${$rights.placeholder($left.get(left.localAttributes[n]))}`,
    );
    if (isSoftDeleted(junctionTable.codec)) conditions.push(sql`${junction}.deleted_at is null`);
    $rights.where(sql`(${columns($rights.alias, right.remoteAttributes)}) in (
      select ${columns(junction, right.localAttributes)} from ${junctionTable.from} ${junction} where ${sql.join(conditions, " and ")})`);
    return connection($rights);
  };
}

const ManyToManyPlugin: GraphileConfig.Plugin = {
  name: "ManyToManyPlugin",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType_fields_field: {
        before: ["PageSizePlugin"],
        callback(field: any, build: any, { scope }: any) {
          if (!scope.isPgManyToManyRelationField) return field;
          const relationship = [...build.pgManyToManyRealtionshipsByResource.values()]
            .flat()
            .find(
              (each: any) =>
                each.leftTable.codec === scope.pgCodec &&
                build.inflection.manyToManyRelationConnectionField(each) === scope.fieldName,
            );
          const { GraphQLNonNull } = build.graphql;
          const type = build.getTypeByName(build.inflection.tableConnectionType(relationship.rightTable.codec));
          return { ...field, type: new GraphQLNonNull(type), plan: plan(relationship) };
        },
      },
    },
  } as any,
};

/**
 * `contact.tags`: the rows on the other side of a junction, each once, without those whose link was deleted, as any list of them. The
 * library's own plan joins the junction, whose two references both carry the tenant, and does not know which one is meant.
 */
export const ManyToManyPreset: GraphileConfig.Preset = {
  extends: [PgManyToManyPreset],
  plugins: [ManyToManyPlugin],
  // What an edge says of the junction is read by its own relation.
  disablePlugins: ["PgManyToManyRelationEdgeTablePlugin", "PgManyToManyRelationEdgeAttributesPlugin"],
};
