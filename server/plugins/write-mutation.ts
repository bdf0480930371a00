import { access, applyInput, constant, type FieldArgs } from "postgraphile/grafast";
import { listOfCodec, sideEffectWithPgClientTransaction, TYPES } from "postgraphile/@dataplan/pg";
import { sql } from "postgraphile/pg-sql2";
import { RowhouseError } from "../../lib/errors.ts";
import { decodeTypeId, encodeTypeId } from "../../lib/type-id.ts";
import { expectedVersions, refuseStale } from "./expected-version.ts";
import { createNested } from "./nested-create.ts";
import type { PlacedRow } from "./placed-row.ts";
import { isSoftDeleted } from "./soft-delete-plugin.ts";
import type { WritableTable } from "./writable-tables.ts";
import { filterTarget, type ApplyFilter, type Row, type Selection, type Statement } from "./write-statements.ts";

/** The input of a mutation, as the client gave it. */
export interface WriteInput {
  readonly id?: string;
  readonly ids?: readonly string[] | null;
  readonly filter?: object | null;
  readonly patch?: Row;
  readonly expectedVersion?: string | null;
  readonly expectedVersions?: readonly string[] | null;
  readonly [field: string]: unknown;
}

/** One mutation of one table. */
export interface WriteMutation {
  readonly table: WritableTable;
  /** Such as `createLists`. */
  readonly fieldName: string;
  readonly description: string;
  readonly isBulk: boolean;
  /** Registers types of its own. */
  readonly registerTypes?: (build: any) => void;
  /** GraphQL fields of its input type, made when types are looked up. */
  readonly inputFields: (build: any) => Record<string, unknown>;
  /** The one statement that does it. */
  readonly statement: (input: WriteInput, applyFilter: ApplyFilter) => Statement;
  /** What is said when no row was hit; several rows may be hit partly. */
  readonly notFound?: ((input: WriteInput) => string) | undefined;
  /** The rows of the input in which others may be nested, which are created with them. */
  readonly placedRows?: (input: WriteInput) => readonly PlacedRow[];
  /** The row is gone afterwards; only its id can be shown. */
  readonly isGone?: boolean;
  readonly countsFresh?: boolean;
  /** It is about rows that are marked as deleted. */
  readonly isOfDeleted?: boolean;
}

/** Registers the types of a mutation. */
export function registerWrite(build: any, mutation: WriteMutation): void {
  const { fieldName } = mutation;
  const typeName = build.inflection.upperCamelCase(fieldName);
  build.registerInputObjectType(
    `${typeName}Input`,
    { isMutationInput: true },
    () => ({ description: `The input of \`${fieldName}\`.`, fields: () => mutation.inputFields(build) }),
    fieldName,
  );
  build.registerObjectType(
    `${typeName}Payload`,
    { isMutationPayload: true },
    () => ({ description: `The outcome of \`${fieldName}\`.`, fields: () => payloadFields(build, mutation) }),
    fieldName,
  );
}

function payloadFields(build: any, { table, isBulk, isGone, countsFresh }: WriteMutation): Record<string, unknown> {
  const { GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLID } = build.graphql;
  const type = build.getTypeByName(table.typeName);
  const required = (inner: any) => new GraphQLNonNull(inner);
  const listOf = (inner: any) => required(new GraphQLList(required(inner)));
  const count = (name: string, description: string) => ({
    type: required(GraphQLInt),
    description,
    plan: ($result: any) => access($result, name),
  });
  const one = isGone
    ? { id: { type: required(GraphQLID), plan: ($result: any) => access($result, ["ids", 0]) } }
    : {
        [table.one]: {
          type,
          description: `The \`${table.typeName}\`, read again.`,
          plan: ($result: any) => readRow(table, $result),
        },
      };
  const many = isGone
    ? { ids: { type: listOf(GraphQLID), plan: ($result: any) => access($result, "ids") } }
    : {
        [table.many]: {
          type: listOf(type),
          description: "The rows, read again; the first ones when a filter selected very many.",
          plan: ($result: any) => readRows(table, $result),
        },
      };
  if (!isBulk) return one;
  return {
    affectedCount: count("count", "How many rows were written."),
    ...(countsFresh && { insertedCount: count("fresh", "How many of them are new.") }),
    ...many,
  };
}

/** The field of a mutation on type Mutation. */
export function writeField(build: any, mutation: WriteMutation): Record<string, unknown> {
  const { table, fieldName } = mutation;
  const typeName = build.inflection.upperCamelCase(fieldName);
  return {
    type: build.getOutputTypeByName(`${typeName}Payload`),
    description: mutation.description,
    args: { input: { type: new build.graphql.GraphQLNonNull(build.getInputTypeByName(`${typeName}Input`)) } },
    plan(_$root: unknown, args: FieldArgs) {
      const Filter = build.getTypeByName(build.inflection.filterType(table.typeName));
      const usesFilter = "filter" in build.getInputTypeByName(`${typeName}Input`).getFields();
      const $input = (args as any).getRaw("input");
      const $applyFilter = usesFilter
        ? applyInput(Filter, (args as any).getRaw(["input", "filter"]), filterTarget as any)
        : constant(null);
      return sideEffectWithPgClientTransaction(
        table.resource.executor,
        [$input, $applyFilter] as any,
        async (client: any, [input, applyFilter]: any) => {
          const written = await write(mutation, client, input, applyFilter);
          if (mutation.placedRows) await createNested(build, client, table, mutation.placedRows(input), written.uuids);
          return written;
        },
      );
    },
  };
}

/** What a statement wrote. */
interface Written {
  readonly count: number;
  readonly fresh: number;
  readonly uuids: readonly string[];
  readonly ids: readonly string[];
}

async function write(
  mutation: WriteMutation,
  client: any,
  input: WriteInput,
  applyFilter: ApplyFilter,
): Promise<Written> {
  const { rows } = await client.query(mutation.statement(input, applyFilter));
  const { count, fresh, ids } = rows[0] as { count: number; fresh: number; ids: string[] };
  const versions = expectedVersions(input);
  if (versions) {
    // All or nothing: a row that changed meanwhile stops the others, too.
    const uuids = uuidsOf(mutation.table, input);
    if (count < uuids.length) {
      const stale = uuids.flatMap((uuid, n) => (ids.includes(uuid) ? [] : [{ uuid, version: versions[n]! }]));
      await refuseStale(mutation.table, client, stale, mutation.isOfDeleted ?? false);
    }
  }
  if (count === 0 && mutation.notFound) throw new RowhouseError("NOT_FOUND", mutation.notFound(input), { field: "id" });
  return { count, fresh, uuids: ids, ids: ids.map((uuid) => encodeTypeId(mutation.table.prefix, uuid)) };
}

/** The rows that an input names by `id`, `ids` or `filter`. */
export function selectionOf(
  table: WritableTable,
  input: WriteInput,
  idsMax: number,
  applyFilter: ApplyFilter,
): Selection {
  const versions = expectedVersions(input);
  if (input.id !== undefined) return { uuids: uuidsOf(table, input), versions };
  if ((input.ids == null) === (input.filter == null)) {
    throw new RowhouseError("VALIDATION_FAILED", "Say which rows: by ids or by a filter, and not by both.", {
      field: "ids",
    });
  }
  if (input.ids == null) return { filter: applyFilter };
  refuseTooMany("ids", input.ids.length, idsMax);
  return { uuids: uuidsOf(table, input), versions };
}

function uuidsOf(table: WritableTable, { id, ids }: WriteInput): readonly string[] {
  return (id === undefined ? (ids ?? []) : [id]).map((each) => decodeTypeId(table.prefix, each));
}

/** Refuses an input list that is empty or longer than the limit. */
export function refuseTooMany(field: string, count: number, limit: number): void {
  if (count === 0) throw new RowhouseError("VALIDATION_FAILED", `${field} is empty.`, { field });
  if (count <= limit) return;
  throw new RowhouseError(
    "LIMIT_EXCEEDED",
    `${field} has ${count} items, and one request may have at most ${limit}. Send them in parts.`,
    {
      field,
      details: { limit, count, name: "rows" },
    },
  );
}

function readRow(table: WritableTable, $result: any): any {
  const $row = table.resource.get({ id: access($result, ["ids", 0]) });
  if (isSoftDeleted(table.resource.codec)) $row.getClassStep().setTrusted();
  return $row;
}

function readRows(table: WritableTable, $result: any): any {
  const $rows = table.resource.find();
  $rows.setTrusted();
  const uuids = $rows.placeholder(access($result, "uuids"), listOfCodec(TYPES.uuid));
  const id = sql`${$rows.alias}.${sql.identifier("id")}`;
  $rows.where(sql`${id} = any(${uuids})`);
  $rows.orderBy({ fragment: sql`array_position(${uuids}, ${id})`, codec: TYPES.int, direction: "ASC" });
  $rows.setOrderIsUnique();
  return $rows;
}
