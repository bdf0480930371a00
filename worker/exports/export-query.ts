import { escapeIdentifier, escapeLiteral } from "pg";
import { entryFieldOfColumn, type EntryField } from "../../lib/entry-fields.ts";
import { compileEntryFilter } from "../../lib/entry-filter.ts";
import { RowhouseError } from "../../lib/errors.ts";

/** What an export is to hold. */
export interface ExportSpec {
  readonly listId: string;
  readonly filter: unknown;
  /** Names of entry columns, or `data.<header>`, in the order of the file. */
  readonly columns: readonly string[];
  readonly format: "csv" | "jsonl";
  /** The tag that exported entries are given; the file shows them as they were before. */
  readonly tag: string | null;
}

/** The condition of the entries of an export over a row `alias` of lists.list_entries. */
export function exportCondition({ listId, filter }: Pick<ExportSpec, "listId" | "filter">, alias: string): string {
  return `${alias}.list_id = ${escapeLiteral(listId)}::uuid and ${alias}.deleted_at is null
    and ${compileEntryFilter(filter, alias)}`;
}

/** The COPY that writes the rows of an export, without a header line; every line ends with a line feed. */
export function exportCopy(spec: ExportSpec): string {
  const expressions = spec.columns.map((column) => ({ column, ...columnSql(column, "e") }));
  const selected = spec.format === "csv" ? csvList(expressions) : jsonObject(expressions);
  const source =
    spec.tag === null
      ? `select ${selected} from lists.list_entries e where ${exportCondition(spec, "e")}`
      : `with e as (
           update lists.list_entries t set tag = ${escapeLiteral(spec.tag)} where ${exportCondition(spec, "t")}
           returning old.*
         ) select ${selected} from e`;
  // JSON has its control characters escaped, so with these two as signs COPY never quotes or escapes anything in it.
  const options = spec.format === "csv" ? "format csv" : "format csv, delimiter e'\\x02', quote e'\\x01'";
  return `copy (${source} order by e.id) to stdout with (${options}, encoding 'UTF8')`;
}

/** The header line of a CSV export. */
export function csvHeader(columns: readonly string[]): string {
  return `${columns.map(headerCell).join(",")}\n`;
}

/** Column names begin with a letter, so that no spreadsheet takes them for a formula. */
function headerCell(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

interface ColumnSql {
  readonly sql: string;
  /** Text that somebody typed, in which a spreadsheet could find a formula. */
  readonly isFree: boolean;
  /** The value as JSON, when it is not simply the value. */
  readonly json?: string;
}

function columnSql(column: string, alias: string): ColumnSql {
  if (column.startsWith("data.")) {
    const header = escapeLiteral(column.slice("data.".length));
    return { sql: `(${alias}.data ->> ${header})`, isFree: true, json: `(${alias}.data -> ${header})` };
  }
  const field = entryFieldOfColumn(column);
  if (!field) throw new RowhouseError("VALIDATION_FAILED", `There is no column ${column}.`, { field: "columns" });
  return fieldSql(field, `${alias}.${escapeIdentifier(field.column)}`);
}

function fieldSql(field: EntryField, sql: string): ColumnSql {
  switch (field.kind) {
    case "time":
      return { sql: `to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`, isFree: false };
    case "boolean":
      return { sql: `${sql}::text`, json: `to_json(${sql})`, isFree: false };
    case "json":
      return { sql: `${sql}::text`, json: sql, isFree: false };
    case "text":
      // A number in international form, which the table's check guarantees, is no formula.
      return { sql, isFree: field.column !== "phone_e164" };
    default:
      return { sql, isFree: false };
  }
}

/** Code points of = + - @, tab, line feed, carriage return, and the full-width = + - @ that some spreadsheets take, too. */
const formulaStarts = [61, 43, 45, 64, 9, 10, 13, 0xff1d, 0xff0b, 0xff0d, 0xff20].join(", ");
/** Numbers and phone numbers in international form stay as they are: they compute nothing. */
const harmless = "'^(-?[0-9]+(\\.[0-9]+)?|\\+[1-9][0-9]{1,14})$'";

function csvList(columns: readonly ColumnSql[]): string {
  const guarded = ({ sql, isFree }: ColumnSql) =>
    isFree
      ? `case when ascii(${sql}) in (${formulaStarts}) and ${sql} !~ ${harmless} then '''' || ${sql} else ${sql} end`
      : sql;
  return columns.map(guarded).join(", ");
}

function jsonObject(columns: readonly (ColumnSql & { column: string })[]): string {
  // Joined by hand: PostgreSQL's own functions take 100 arguments at most, and half as long again.
  const members = columns.map(({ column, sql, json = `to_json(${sql})` }, i) => {
    const name = escapeLiteral(`${i === 0 ? "{" : ","}${JSON.stringify(column)}:`);
    return `${name} || coalesce(${json}::text, 'null')`;
  });
  return `${members.join(" || ")} || '}'`;
}
