import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { PoolClient } from "pg";
import type { FileStore, StoredFile } from "../../lib/file-store.ts";
import { copyOut } from "./copy-out.ts";
import { csvHeader, exportCopy, type ExportSpec } from "./export-query.ts";

/** Where an export goes, and who wants to know how far it is. */
export interface ExportTarget {
  readonly store: FileStore;
  readonly key: string;
  readonly isGzip: boolean;
  readonly signal: AbortSignal;
  /** Told after each chunk how many lines and bytes have been written, before compression. */
  readonly onProgress: (rows: number, bytes: number) => void;
}

const lineFeed = 10;

/** Facts of a written export. */
export interface WrittenExport extends StoredFile {
  readonly rowCount: number;
}

/** Streams the entries of an export from the database into the store, within the caller's transaction. */
export async function writeExport(client: PoolClient, spec: ExportSpec, target: ExportTarget): Promise<WrittenExport> {
  const { store, key, isGzip, signal, onProgress } = target;
  const copy = copyOut(client, exportCopy(spec), signal);
  const lines = async function* () {
    let rows = 0;
    let bytes = 0;
    if (spec.format === "csv") yield Buffer.from(csvHeader(spec.columns));
    for await (const chunk of copy.chunks()) {
      rows += countLines(chunk);
      bytes += chunk.length;
      onProgress(rows, bytes);
      yield chunk;
    }
  };
  let stored: StoredFile | undefined;
  if (isGzip) {
    await pipeline(lines, createGzip(), async (compressed: AsyncIterable<Buffer>) => {
      stored = await store.put(key, compressed, signal);
    });
  } else {
    stored = await store.put(key, lines(), signal);
  }
  return { ...stored!, rowCount: await copy.rowCount() };
}

/** Lines of a chunk; line feeds within cells count, too, so in CSV this may run ahead of the rows. */
function countLines(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, at + 1)) count++;
  return count;
}
