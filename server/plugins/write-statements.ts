import { PgCondition } from "postgraphile/@dataplan/pg";
import { sql, type SQL } from "postgraphile/pg-sql2";
import { RowhouseError } from "../../lib/errors.ts";
import type { UniqueKey, WritableColumn, WritableTable } from "./writable-tables.ts";

/** A statement with its parameters. Its one row has `count`, `fresh` (how many are new) and `ids` (uuids, capped). */
export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** Values by GraphQL field, as a client gave them. */
export type Row = Readonly<Record<string, unknown>>;

/** Adds the conditions of a filter argument to what it is given. */
export type ApplyFilter = (parent: object) => void;

/** Which rows to change: those of these uuids, if need be only in these versions, or those a filter selects. */
export type Selection =
  | { readonly uuids: readonly string[]; readonly versions?: readonly string[] | undefined }
  | { readonly filter: ApplyFilter };

const parametersMax = 65_000;
const text = (fragment: SQL): string => sql.compile(fragment).text;
const identifier = (name: string): string => text(sql.identifier(name));

/** One INSERT of rows; with a key, rows that are there already are updated: to the fields given, or to those listed. */
export function insertStatement(
  table: WritableTable,
  rows: readonly Row[],
  idsMax: number,
  upsert?: { readonly key: UniqueKey; readonly update?: readonly string[] | undefined },
): Statement {
  const columns = columnsOf(table, rows);
  if (upsert) requireSameFields(table, rows, columns);
  const values: unknown[] = [];
  const tuples = tuplesOf(rows, columns, values);
  const names = columns.map(([, column]) => identifier(column.attribute)).join(", ");
  const onConflict = upsert ? conflictClause(columns, upsert.key, upsert.update) : "";
  return counted(
    `insert into ${text(table.resource.from)} as target (${names}) values ${tuples} ${onConflict} returning target.id, target.xmax = 0 as is_new`,
    values,
    idsMax,
  );
}

/**
 * One statement that finds living rows by a unique key, and inserts those that are not there. Its rows have `id` and
 * `place`, the number of the row from 1.
 */
export function findOrInsertStatement(
  table: WritableTable,
  rows: readonly Row[],
  key: UniqueKey,
  field: string,
): Statement {
  const columns = columnsOf(table, rows);
  const values: unknown[] = [];
  const tuples = tuplesOf(rows, columns, values);
  const column = table.columns.get(field)!;
  const places = rows.map((row, n) => `(${n + 1}, ${parameter(values, column, field, row[field])})`).join(", ");
  const name = identifier(column.attribute);
  const from = text(table.resource.from);
  const living = key.isOfLiving ? " where deleted_at is null" : "";
  return {
    text: `with given (place, key) as (values ${places}), created as (
      insert into ${from} (${columns.map(([, each]) => identifier(each.attribute)).join(", ")}) values ${tuples}
      on conflict (${key.columns.map(identifier).join(", ")})${living} do nothing returning id, ${name} as key
    ), present as (select id, ${name} as key from ${from}${living})
    select id, place from given join created using (key) union all select id, place from given join present using (key)`,
    values,
  };
}

/** One UPDATE of living rows. */
export function updateStatement(table: WritableTable, selection: Selection, patch: Row, idsMax: number): Statement {
  const { condition, values } = compileSelection(selection);
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  if (given.length === 0)
    throw new RowhouseError("VALIDATION_FAILED", "patch is empty: name a field to change.", { field: "patch" });
  const set = given.map(([field, value]) => {
    const column = table.columns.get(field)!;
    return `${identifier(column.attribute)} = ${parameter(values, column, field, value)}`;
  });
  return change(table, set.join(", "), `${condition} ${living(table, true)}`, values, idsMax);
}

/** One statement that deletes rows: marks them where the table knows deleted rows. */
export function deleteStatement(table: WritableTable, selection: Selection, idsMax: number): Statement {
  const { condition, values } = compileSelection(selection);
  if (table.deletion === "soft")
    return change(table, "deleted_at = now()", `${condition} ${living(table, true)}`, values, idsMax);
  return counted(
    `delete from ${text(table.resource.from)} as target where ${condition} returning target.id, false as is_new`,
    values,
    idsMax,
  );
}

/** One UPDATE that brings deleted rows back. */
export function restoreStatement(table: WritableTable, selection: Selection, idsMax: number): Statement {
  const { condition, values } = compileSelection(selection);
  return change(table, "deleted_at = null", `${condition} ${living(table, false)}`, values, idsMax);
}

function change(table: WritableTable, set: string, condition: string, values: unknown[], idsMax: number): Statement {
  return counted(
    `update ${text(table.resource.from)} as target set ${set} where ${condition} returning target.id, false as is_new`,
    values,
    idsMax,
  );
}

function counted(statement: string, values: unknown[], idsMax: number): Statement {
  const summary = `count(*)::int as count, (count(*) filter (where is_new))::int as fresh, coalesce((array_agg(id))[1:${idsMax}], '{}') as ids`;
  return { text: `with changed as (${statement}) select ${summary} from changed`, values };
}

function living(table: WritableTable, isLiving: boolean): string {
  return table.resource.codec.attributes.deleted_at ? `and target.deleted_at is ${isLiving ? "" : "not "}null` : "";
}

type NamedColumn = readonly [string, WritableColumn];

/** The columns that rows fill; one that will be its default, when they fill none. */
function columnsOf(table: WritableTable, rows: readonly Row[]): readonly NamedColumn[] {
  const given = [...table.columns].filter(([field]) => rows.some((row) => row[field] !== undefined));
  return given.length > 0 ? given : [...table.columns].filter(([, column]) => column.canInsert).slice(0, 1);
}

function tuplesOf(rows: readonly Row[], columns: readonly NamedColumn[], values: unknown[]): string {
  const count = columns.length * rows.length;
  if (count > parametersMax) {
    const message = `${rows.length} rows with ${columns.length} fields are ${count} values; at most ${parametersMax} can be sent at once. Send fewer rows.`;
    throw new RowhouseError("LIMIT_EXCEEDED", message, { details: { limit: parametersMax, count, name: "values" } });
  }
  return rows
    .map((row) => `(${columns.map(([field, column]) => parameter(values, column, field, row[field])).join(", ")})`)
    .join(", ");
}

function parameter(values: unknown[], { codec }: WritableColumn, field: string, value: unknown): string {
  if (value === undefined) return "default";
  try {
    return `$${values.push(value === null ? null : codec.toPg(value))}::${text(codec.sqlType)}`;
  } catch (error) {
    if (!(error instanceof RowhouseError) || error.field !== undefined) throw error;
    throw new RowhouseError(error.code, `${field}: ${error.message}`, { field, cause: error });
  }
}

function compileSelection(selection: Selection): { condition: string; values: unknown[] } {
  if ("uuids" in selection) {
    const { uuids, versions } = selection;
    if (!versions) return { condition: "target.id = any($1::uuid[])", values: [uuids] };
    // Checked again on the newest version of a row that somebody else was changing at the same time.
    const condition =
      "target.id = any($1::uuid[]) and target.xmin = ($2::xid[])[array_position($1::uuid[], target.id)]";
    return { condition, values: [uuids, versions] };
  }
  const conditions: SQL[] = [];
  const alias = sql.identifier("target");
  const root = {
    alias,
    where: (condition: any) =>
      conditions.push(
        sql.isSQL(condition) ? condition : condition.callback(sql`${alias}.${sql.identifier(condition.attribute)}`),
      ),
  };
  selection.filter(root);
  if (conditions.length === 0) {
    throw new RowhouseError(
      "VALIDATION_FAILED",
      "filter is empty, and would select every row. Name a condition, or ids.",
      { field: "filter" },
    );
  }
  const compiled = sql.compile(
    sql.join(
      conditions.map((condition) => sql.parens(condition)),
      " and ",
    ),
  );
  return { condition: compiled.text, values: [...compiled.values] };
}

/** What an input object's conditions are collected by. */
export const filterTarget = (parent: any, value: unknown): unknown =>
  value == null ? undefined : new PgCondition(parent);

function conflictClause(
  columns: readonly NamedColumn[],
  key: UniqueKey,
  update: readonly string[] | undefined,
): string {
  const target = `on conflict (${key.columns.map(identifier).join(", ")})${key.isOfLiving ? " where deleted_at is null" : ""}`;
  const isWanted = (field: string, column: WritableColumn) =>
    update ? update.includes(field) : !key.columns.includes(column.attribute);
  const set = columns
    .filter(([field, column]) => column.canUpdate && isWanted(field, column))
    .map(([, column]) => `${identifier(column.attribute)} = excluded.${identifier(column.attribute)}`);
  return set.length > 0 ? `${target} do update set ${set.join(", ")}` : `${target} do nothing`;
}

function requireSameFields(table: WritableTable, rows: readonly Row[], fields: readonly NamedColumn[]): void {
  for (const [index, row] of rows.entries()) {
    const missing = fields.find(([field]) => row[field] === undefined)?.[0];
    if (missing === undefined) continue;
    const message = `${table.many}[${index}] has no ${missing}, which other rows have. Rows of one upsert must have the same fields; null empties one.`;
    throw new RowhouseError("VALIDATION_FAILED", message, { field: missing });
  }
}
