import { RowhouseError } from "../../lib/errors.ts";
import type { WritableTable } from "./writable-tables.ts";
import { refuseTooMany, type WriteMutation } from "./write-mutation.ts";
import { plainInput } from "./nested-input.ts";
import { insertStatement, type Row } from "./write-statements.ts";

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** The mutations that create rows of a table. */
export function createMutations(table: WritableTable, rowsMax: number): WriteMutation[] {
  if (!table.canInsert) return [];
  const { one, many, typeName } = table;
  const create: WriteMutation = {
    table,
    fieldName: `create${capitalized(one)}`,
    description: `Creates one \`${typeName}\`.`,
    isBulk: false,
    inputFields: (build) => ({ [one]: { type: new build.graphql.GraphQLNonNull(inputType(build, table)) } }),
    statement: (input) => insertStatement(table, [input[one] as Row], 1),
    placedRows: (input) => [{ path: one, row: input[one] as Row }],
  };
  if (!table.canBulk) return [create];
  const createMany: WriteMutation = {
    table,
    fieldName: `create${capitalized(many)}`,
    description: `Creates up to ${rowsMax} rows in one statement: all of them or none.`,
    isBulk: true,
    inputFields: (build) => ({ [many]: { type: listOf(build, inputType(build, table)) } }),
    statement(input) {
      const rows = input[many] as Row[];
      refuseTooMany(many, rows.length, rowsMax);
      return insertStatement(table, rows, rowsMax);
    },
    placedRows: (input) => (input[many] as Row[]).map((row, n) => ({ path: `${many}.${n}`, row })),
  };
  return [create, createMany, ...upsertMutation(table, rowsMax)];
}

function upsertMutation(table: WritableTable, rowsMax: number): WriteMutation[] {
  const { many, typeName, columns } = table;
  const insertable = [...columns.values()].filter((column) => column.canInsert).map((column) => column.attribute);
  const keys = table.keys.filter((key) =>
    key.columns.every((column) => column === "tenant_id" || insertable.includes(column)),
  );
  if (keys.length === 0 || !table.canUpdate) return [];
  const updatable = [...columns].filter(([, column]) => column.canInsert && column.canUpdate).map(([field]) => field);
  const upsert: WriteMutation = {
    table,
    fieldName: `upsert${capitalized(many)}`,
    description: `Creates up to ${rowsMax} rows, or updates those that are there by a unique key, in one statement: all of them or none. All rows must have the same fields.`,
    isBulk: true,
    countsFresh: true,
    inputFields(build) {
      const { GraphQLList, GraphQLNonNull } = build.graphql;
      return {
        [many]: { type: listOf(build, plainInput(build, table)) },
        by: {
          type: new GraphQLNonNull(build.getTypeByName(`${typeName}Key`)),
          description: "The key that says which rows are there already.",
        },
        ...(updatable.length > 0 && {
          update: {
            type: new GraphQLList(new GraphQLNonNull(build.getTypeByName(`${typeName}Field`))),
            description: "Fields to update where a row is there; all that are given when left out, none when empty.",
          },
        }),
      };
    },
    registerTypes(build) {
      const enumOf = (entries: readonly (readonly [string, unknown])[]) =>
        Object.fromEntries(entries.map(([name, value]) => [build.inflection.constantCase(name), { value }]));
      build.registerEnumType(
        `${typeName}Key`,
        {},
        () => ({
          description: `The unique keys of \`${typeName}\`.`,
          values: enumOf(keys.map((key) => [keyName(table, key.name), key.name])),
        }),
        "WritePlugin",
      );
      if (updatable.length === 0) return;
      build.registerEnumType(
        `${typeName}Field`,
        {},
        () => ({
          description: `The fields of \`${typeName}\` that an upsert can update.`,
          values: enumOf(updatable.map((field) => [field, field])),
        }),
        "WritePlugin",
      );
    },
    statement(input) {
      const rows = input[many] as Row[];
      refuseTooMany(many, rows.length, rowsMax);
      const key = keys.find((each) => each.name === input["by"]);
      if (!key) throw new RowhouseError("VALIDATION_FAILED", "by names no unique key.", { field: "by" });
      return insertStatement(table, rows, rowsMax, { key, update: (input["update"] as string[] | null) ?? undefined });
    },
  };
  return [upsert];
}

/** `lists_name_key` of table lists is `name`. */
function keyName(table: WritableTable, index: string): string {
  const tableName: string = table.resource.codec.extensions.pg.name;
  return index.replace(new RegExp(`^${tableName}_`), "").replace(/_(key|idx)$/, "");
}

function listOf(build: any, type: any): unknown {
  const { GraphQLList, GraphQLNonNull } = build.graphql;
  return new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)));
}

function inputType(build: any, table: WritableTable): any {
  return build.getGraphQLTypeByPgCodec(table.resource.codec, "input");
}
