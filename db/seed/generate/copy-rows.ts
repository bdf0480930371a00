import { once } from "node:events";
import { finished } from "node:stream/promises";
import { escapeIdentifier, type Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { copyText } from "../../../lib/import-file/copy-text.ts";

/** A value of a generated row: dates become timestamps, arrays and other objects JSON, undefined NULL. */
export type SeedValue = string | number | boolean | Date | null | undefined | readonly unknown[] | object;

/** A generated row: column to value. Every row of one COPY has the same columns. */
export type SeedRow = Readonly<Record<string, SeedValue>>;

const chunkSize = 1 << 17;

/** Writes rows through one COPY and returns how many; triggers and foreign keys work as for any other writer. */
export async function copyRows(client: Client, table: string, rows: Iterable<SeedRow>): Promise<number> {
  const iterator = rows[Symbol.iterator]();
  const first = iterator.next();
  if (first.done) return 0;
  const columns = Object.keys(first.value);
  const stream = client.query(
    copyFrom(`copy ${table} (${columns.map((name) => escapeIdentifier(name)).join(", ")}) from stdin`),
  );
  const done = finished(stream);
  // The error is thrown below, where it is awaited; a failed COPY must not end the process before that.
  done.catch(() => undefined);
  let count = 0;
  let chunk = "";
  for (let next: IteratorResult<SeedRow> = first; !next.done; next = iterator.next()) {
    const row = next.value;
    for (let i = 0; i < columns.length; i++) chunk += (i ? "\t" : "") + encode(row[columns[i]!]);
    chunk += "\n";
    count++;
    if (chunk.length > chunkSize) {
      if (!stream.write(chunk)) await Promise.race([once(stream, "drain"), done]);
      chunk = "";
    }
  }
  stream.end(chunk);
  await done;
  return count;
}

function encode(value: SeedValue): string {
  if (value === null || value === undefined) return "\\N";
  if (typeof value === "string") return copyText(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "object") return copyText(JSON.stringify(value));
  return String(value);
}

/** Texts as a PostgreSQL array. */
export function textArray(values: readonly string[]): string {
  return `{${values.map((value) => JSON.stringify(value)).join(",")}}`;
}
