import { STAGING_COLUMNS } from "../../lib/import-file/entry-columns.ts";
import type { ImportBatch, ImportReject } from "../../lib/import-file/import-batch.ts";
import type { ImportFileOptions } from "../../lib/import-file/import-file-options.ts";
import { readImportFile } from "../../lib/import-file/read-import-file.ts";

/** A staged row, as PostgreSQL would read it. */
export type StagedRow = Record<string, string | null> & { data: string };

/** All that reading a file gave. */
export interface ReadFile {
  readonly rows: StagedRow[];
  readonly data: Record<string, unknown>[];
  readonly rejects: ImportReject[];
  readonly batches: ImportBatch[];
  readonly last: ImportBatch;
}

const UNESCAPED: Record<string, string> = { n: "\n", r: "\r", t: "\t", "\\": "\\" };

/** The rows of COPY text, unescaped. */
export function copyRows(copy: Buffer): StagedRow[] {
  const lines = copy.toString("utf8").split("\n");
  if (lines.pop() !== "") throw new Error("The last row is not ended.");
  return lines.map((line) => {
    const cells = line.split("\t");
    if (cells.length !== STAGING_COLUMNS.length) throw new Error(`${cells.length} columns: ${line}`);
    return Object.fromEntries(
      cells.map((cell, i) => [
        STAGING_COLUMNS[i],
        cell === "\\N" ? null : cell.replaceAll(/\\(.)/g, (_, char: string) => UNESCAPED[char] ?? `?${char}`),
      ]),
    ) as StagedRow;
  });
}

/** Bytes in chunks of a size. */
export async function* inChunks(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Reads a file that is held in memory. */
export const readFile = (content: string | Uint8Array, options: ImportFileOptions = {}): Promise<ReadFile> =>
  readChunks(inChunks(typeof content === "string" ? Buffer.from(content) : content), options);

/** Reads a file that comes in these chunks. */
export async function readChunks(
  chunks: AsyncIterable<Uint8Array>,
  options: ImportFileOptions = {},
): Promise<ReadFile> {
  const batches: ImportBatch[] = [];
  for await (const batch of readImportFile(chunks, options)) batches.push(batch);
  const rows = batches.flatMap((batch) => copyRows(batch.rows));
  return {
    rows,
    data: rows.map((row) => JSON.parse(row.data) as Record<string, unknown>),
    rejects: batches.flatMap((batch) => batch.rejects),
    batches,
    last: batches.at(-1)!,
  };
}

/** Line number and code of each reject. */
export const codes = ({ rejects }: ReadFile): [number, string][] =>
  rejects.map(({ lineNumber, code }) => [lineNumber, code]);
