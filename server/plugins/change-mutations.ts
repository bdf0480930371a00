import type { WritableTable } from "./writable-tables.ts";
import { selectionOf, type WriteInput, type WriteMutation } from "./write-mutation.ts";
import {
  deleteStatement,
  restoreStatement,
  updateStatement,
  type ApplyFilter,
  type Row,
  type Statement,
} from "./write-statements.ts";

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** What the mutations that change rows have in common. */
interface Verb {
  readonly name: "update" | "delete" | "restore";
  readonly one: string;
  readonly many: string;
  readonly takesPatch: boolean;
  readonly isGone: boolean;
  readonly notFound: (kind: string, id: string | undefined) => string;
  readonly statement: (table: WritableTable, input: WriteInput, rowsMax: number, applyFilter: ApplyFilter) => Statement;
}

/** The mutations that update, delete and restore rows of a table. */
export function changeMutations(table: WritableTable, rowsMax: number): WriteMutation[] {
  return verbsOf(table).flatMap((verb) => {
    const single: WriteMutation = {
      table,
      fieldName: `${verb.name}${capitalized(table.one)}`,
      description: verb.one.replace("TYPE", `\`${table.typeName}\``),
      isBulk: false,
      isGone: verb.isGone,
      isOfDeleted: verb.name === "restore",
      inputFields: (build) => ({
        id: { type: nonNull(build, build.graphql.GraphQLID) },
        expectedVersion: {
          type: build.graphql.GraphQLString,
          description:
            "The `rowVersion` that was read: if the row has another one by now, nothing is done (`CONFLICT`).",
        },
        ...(verb.takesPatch && { patch: { type: nonNull(build, patchType(build, table)) } }),
      }),
      statement: (input, applyFilter) => verb.statement(table, input, 1, applyFilter),
      notFound: (input) => verb.notFound(table.typeName, input.id),
    };
    const bulk: WriteMutation = {
      ...single,
      fieldName: `${verb.name}${capitalized(table.many)}`,
      description: `${verb.many} Rows that are not there are passed over: compare affectedCount.`,
      isBulk: true,
      inputFields: (build) => ({
        ids: {
          type: new build.graphql.GraphQLList(nonNull(build, build.graphql.GraphQLID)),
          description: `These rows, at most ${rowsMax}; or give a filter.`,
        },
        filter: {
          type: build.getTypeByName(build.inflection.filterType(table.typeName)),
          description: "All rows that satisfy it; or give ids.",
        },
        expectedVersions: {
          type: new build.graphql.GraphQLList(nonNull(build, build.graphql.GraphQLString)),
          description:
            "The `rowVersion` of each of the ids, in their order: if one has another by now, nothing is done.",
        },
        ...(verb.takesPatch && { patch: { type: nonNull(build, patchType(build, table)) } }),
      }),
      statement: (input, applyFilter) => verb.statement(table, input, rowsMax, applyFilter),
      notFound: undefined,
    };
    return table.canBulk ? [single, bulk] : [single];
  });
}

function verbsOf(table: WritableTable): Verb[] {
  const verbs: Verb[] = [];
  if (table.canUpdate) {
    verbs.push({
      name: "update",
      one: "Changes fields of one TYPE.",
      many: "Changes the same fields of many rows, in one statement.",
      takesPatch: true,
      isGone: false,
      notFound: (kind, id) => `There is no ${kind} ${id}; perhaps it was deleted.`,
      statement: (each, input, rowsMax, filter) =>
        updateStatement(each, selectionOf(each, input, rowsMax, filter), input.patch as Row, rowsMax),
    });
  }
  if (table.deletion === "none") return verbs;
  const isSoft = table.deletion === "soft";
  verbs.push({
    name: "delete",
    one: isSoft ? "Deletes one TYPE; it can be restored." : "Deletes one TYPE for good.",
    many: `Deletes many rows in one statement${isSoft ? "; they can be restored" : ""}.`,
    takesPatch: false,
    isGone: !isSoft,
    notFound: (kind, id) => `There is no ${kind} ${id}; perhaps it was deleted already.`,
    statement: (each, input, rowsMax, filter) =>
      deleteStatement(each, selectionOf(each, input, rowsMax, filter), rowsMax),
  });
  if (!isSoft) return verbs;
  verbs.push({
    name: "restore",
    one: "Brings one deleted TYPE back.",
    many: "Brings many deleted rows back, in one statement.",
    takesPatch: false,
    isGone: false,
    notFound: (kind, id) => `There is no deleted ${kind} ${id}.`,
    statement: (each, input, rowsMax, filter) =>
      restoreStatement(each, selectionOf(each, input, rowsMax, filter), rowsMax),
  });
  return verbs;
}

function patchType(build: any, table: WritableTable): any {
  return build.getGraphQLTypeByPgCodec(table.resource.codec, "patch");
}

function nonNull(build: any, type: any): any {
  return new build.graphql.GraphQLNonNull(type);
}
