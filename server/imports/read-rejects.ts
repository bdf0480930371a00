import type { Pool } from "pg";
import { inTenantTransaction, type TenantClaims } from "../../lib/tenant-transaction.ts";

interface RejectRow {
  readonly line: string;
  readonly code: string | null;
  readonly reason: string | null;
  readonly raw: string | null;
}

const pageRows = 2_000;

const readPage = `
  select line_number as line, reason_code as code, reason, raw from lists.list_import_rows
  where list_import_id = $1 and outcome = 'rejected' and line_number > $2 order by line_number limit ${pageRows}`;

/**
 * The rejected lines of an import as CSV, page by page: however slowly they are taken, no connection waits for it. An
 * apostrophe keeps spreadsheets from reading a cell as a formula.
 */
export async function* readRejects(pool: Pool, claims: TenantClaims, importId: string): AsyncGenerator<string> {
  yield "line_number,reason_code,reason,raw\n";
  let after = "0";
  for (;;) {
    const { rows } = await inTenantTransaction(pool, claims, (client) =>
      client.query<RejectRow>(readPage, [importId, after]),
    );
    if (rows.length > 0) yield rows.map(csvLine).join("");
    if (rows.length < pageRows) return;
    after = rows.at(-1)!.line;
  }
}

const csvLine = ({ line, code, reason, raw }: RejectRow): string =>
  `${[line, code, reason, raw && (/^[=+\-@\t\r\n＝＋－＠]/.test(raw) ? `'${raw}` : raw)].map(csvCell).join(",")}\n`;

function csvCell(value: string | null): string {
  if (value === null) return "";
  return /^$|[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
