import { nestedTables, type NestedTable } from "./nested-tables.ts";
import type { WritableTable } from "./writable-tables.ts";

/** Registers the input types of rows that are created together with a row of a table, and its input without them. */
export function registerNestedInputs(build: any, table: WritableTable): void {
  const nested = nestedTables(build, table);
  for (const each of nested) {
    build.registerInputObjectType(
      each.inputTypeName,
      {},
      () => ({
        description: descriptionOf(each, table),
        fields: () => fieldsOf(build, each),
      }),
      "WritePlugin",
    );
  }
  if (nested.length === 0) return;
  build.registerInputObjectType(
    plainInputName(table),
    {},
    () => ({
      description: `The fields of a \`${table.typeName}\`, without what can be created together with it.`,
      fields: () =>
        copyFields(
          inputOf(build, table),
          nested.map((each) => each.fieldName),
        ),
    }),
    "WritePlugin",
  );
}

/** The fields that nested rows add to the input of a table. */
export function nestedInputFields(build: any, table: WritableTable): Record<string, unknown> {
  const { GraphQLList, GraphQLNonNull } = build.graphql;
  return Object.fromEntries(
    nestedTables(build, table).map((each) => {
      const type = build.getTypeByName(each.inputTypeName);
      return [
        each.fieldName,
        {
          type: each.isSingle ? type : new GraphQLList(new GraphQLNonNull(type)),
          description: each.link
            ? `${each.link.table.typeName} rows to link it to; those that are not there are created.`
            : `${each.table.typeName} rows to create with it, in the same transaction.`,
        },
      ];
    }),
  );
}

/** The input of rows of a table that are written without others. */
export function plainInput(build: any, table: WritableTable): any {
  return nestedTables(build, table).length > 0
    ? build.getTypeByName(plainInputName(table))
    : build.getGraphQLTypeByPgCodec(table.resource.codec, "input");
}

const plainInputName = (table: WritableTable): string => `${table.typeName}UpsertInput`;

function descriptionOf({ table, link }: NestedTable, parent: WritableTable): string {
  if (!link) return `A \`${table.typeName}\` to create together with its \`${parent.typeName}\`.`;
  const key = link.key ? ` or by ${link.key.field}; one that is not there is created.` : ".";
  return `A \`${link.table.typeName}\` to link a \`${parent.typeName}\` to: by id${key}`;
}

function fieldsOf(build: any, { table, link, parentField }: NestedTable): Record<string, unknown> {
  const { GraphQLID, getNullableType } = build.graphql;
  if (!link) return copyFields(inputOf(build, table), [parentField]);
  const id = { type: GraphQLID, description: `Id of a \`${link.table.typeName}\` that is there; nothing else then.` };
  if (!link.key) return { id };
  const nested = nestedTables(build, link.table).map((each) => each.fieldName);
  const fields = copyFields(inputOf(build, link.table), nested);
  // What is required of a new row is not where the id is given.
  const optional = Object.entries<any>(fields).map(([name, field]) => [
    name,
    { ...field, type: getNullableType(field.type) },
  ]);
  return { id, ...Object.fromEntries(optional) };
}

function inputOf(build: any, table: WritableTable): any {
  return build.getGraphQLTypeByPgCodec(table.resource.codec, "input");
}

function copyFields(type: any, without: readonly string[]): Record<string, unknown> {
  const kept = Object.entries<any>(type.toConfig().fields).filter(([name]) => !without.includes(name));
  return Object.fromEntries(
    kept.map(([name, { type: fieldType, description, defaultValue }]) => [
      name,
      { type: fieldType, description, defaultValue },
    ]),
  );
}
