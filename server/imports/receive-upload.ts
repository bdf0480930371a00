import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import type { Pool, PoolClient } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { RowhouseError } from "../../lib/errors.ts";
import { STAGING_COLUMNS } from "../../lib/import-file/entry-columns.ts";
import type { ImportBatch } from "../../lib/import-file/import-batch.ts";
import { ImportFileError } from "../../lib/import-file/import-file-error.ts";
import { readImportFile } from "../../lib/import-file/read-import-file.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { beginAsSystem, inTenantTransaction, type TenantClaims } from "../../lib/tenant-transaction.ts";
import {
  beginUpload,
  endUpload,
  findSameFile,
  finishUpload,
  type ImportRecord,
  lockImport,
  saveCheckpoint,
  saveRejects,
} from "./import-record.ts";

/** An upload and where it belongs. */
export interface Upload {
  readonly pool: Pool;
  readonly claims: TenantClaims;
  readonly importId: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly contentType: string | undefined;
  /** Bytes of the body that are taken at most. */
  readonly maxBytes: number;
  /** Takes a file that the list has already. */
  readonly allowsSameFile: boolean;
}

/** How much COPY text is kept in one transaction: big enough to be cheap, small enough to lose little and hold little. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Streams a file into the staging table of its import: chunk by chunk, each with its checkpoint in one transaction, so
 * that an upload that breaks off goes on where it was. Queues the merge with the last chunk. Throws RowhouseError.
 */
export async function receiveUpload(upload: Upload): Promise<void> {
  const { pool, claims, importId } = upload;
  const client = await pool.connect();
  let broken: Error | undefined;
  const transaction = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await client.query(beginAsSystem(claims));
      const result = await work();
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((failure: Error) => (broken = failure));
      throw error;
    }
  };
  // Held by the connection: it falls with a server that is killed, and its import can be sent again at once.
  const lock = ["rowhouse import", importId] as const;
  const { rows } = await client.query<{ held: boolean }>(
    "select pg_try_advisory_lock(hashtext($1), hashtext($2)) as held",
    [...lock],
  );
  if (!rows[0]!.held) {
    client.release();
    throw new RowhouseError("CONFLICT", "A file is being uploaded to this import already. Wait for its end.");
  }
  try {
    const record = await transaction(() => openImport(client, importId));
    try {
      await stageAll(upload, client, record, transaction);
    } catch (error) {
      const failure = explain(error);
      // On another connection when this one is what broke.
      await transaction(() => endUpload(client, importId, failure.status, failure.error)).catch(() =>
        inTenantTransaction(pool, claims, (other) => endUpload(other, importId, failure.status, failure.error)).catch(
          () => undefined,
        ),
      );
      throw failure.error;
    }
  } finally {
    await client
      .query("select pg_advisory_unlock(hashtext($1), hashtext($2))", [...lock])
      .catch((failure: Error) => (broken = failure));
    client.release(broken);
  }
}

async function openImport(client: PoolClient, importId: string): Promise<ImportRecord & { staging: string }> {
  const record = await lockImport(client, importId);
  if (!record) throw new RowhouseError("NOT_FOUND", `There is no import ${encodeTypeId("imp", importId)}.`);
  if (!["awaiting_upload", "uploading", "interrupted", "failed"].includes(record.status)) {
    throw new RowhouseError("INVALID_STATE", `This import is ${record.status} and takes no file. Start a new import.`);
  }
  return { ...record, staging: await beginUpload(client, record) };
}

async function stageAll(
  upload: Upload,
  client: PoolClient,
  record: ImportRecord & { staging: string },
  transaction: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<void> {
  const batches = readImportFile(limited(upload.body, upload.maxBytes), {
    format: record.format,
    defaultCountry: record.defaultCountry,
    hasHeader: record.hasHeader,
    ...(record.encoding && { encoding: record.encoding }),
    ...(record.delimiter && { delimiter: record.delimiter }),
    ...(record.mapping && { mapping: record.mapping }),
    ...(record.fileName && { fileName: record.fileName }),
    ...(upload.contentType && { contentType: upload.contentType }),
    ...(record.checkpoint && { resumeFrom: record.checkpoint }),
    limits: { maxDecompressedBytes: upload.maxBytes },
  });
  let chunk: ImportBatch[] = [];
  let size = 0;
  let cut: string | undefined;
  // One chunk is written while the next is read.
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async (finish: (last: ImportBatch) => Promise<void>) => {
    const batch = chunk;
    await writing;
    [chunk, size] = [[], 0];
    writing = transaction(async () => {
      await writeChunk(client, record, batch);
      await finish(batch.at(-1)!);
    });
    // Awaited by the next flush; meanwhile nobody must see it as unhandled.
    writing.catch(() => undefined);
  };
  try {
    for await (const batch of batches) {
      chunk.push(batch);
      size += sizeOf(batch);
      if (batch.end?.outcome === "truncated") cut = batch.end.message;
      if (batch.end) await flush((last) => finishFile(client, upload, record, last));
      else if (size >= CHUNK_BYTES) await flush(async () => undefined);
    }
    await writing;
    if (cut) throw new RowhouseError("INVALID_STATE", cut);
  } catch (error) {
    // What was read well is kept, so that sending the file again goes on from there.
    if (chunk.length > 0 && !(error instanceof ImportFileError))
      await flush(async () => undefined).catch(() => undefined);
    await writing.catch(() => undefined);
    throw error;
  }
}

/** What a batch weighs in memory: a file of nothing but rejects has no rows. */
function sizeOf({ rows, rejects }: ImportBatch): number {
  return rejects.reduce((sum, reject) => sum + 500 + 2 * reject.raw.length, rows.length + 1000);
}

async function writeChunk(
  client: PoolClient,
  record: ImportRecord & { staging: string },
  batches: readonly ImportBatch[],
): Promise<void> {
  const current = await lockImport(client, record.id);
  if (current?.status !== "uploading") {
    throw new RowhouseError(
      "INVALID_STATE",
      `This import was ${current?.status ?? "removed"} while its file was being sent.`,
    );
  }
  const rows = batches.map((batch) => batch.rows).filter((each) => each.length > 0);
  if (rows.length > 0) {
    await pipeline(
      Readable.from(rows),
      client.query(copyFrom(`copy ${record.staging} (${STAGING_COLUMNS.join(", ")}) from stdin`)),
    );
  }
  await saveRejects(
    client,
    record.id,
    batches.flatMap((batch) => batch.rejects),
  );
  await saveCheckpoint(client, record.id, batches.at(-1)!);
}

async function finishFile(client: PoolClient, upload: Upload, record: ImportRecord, last: ImportBatch): Promise<void> {
  const { outcome, message } = last.end!;
  if (outcome === "truncated") return;
  if (outcome !== "complete") throw new ImportFileError("NOT_A_LIST", `${message} Send a file with at least one row.`);
  const { sha256 } = last.checkpoint;
  const found = upload.allowsSameFile || record.isDryRun ? undefined : await findSameFile(client, record, sha256);
  if (found) {
    const earlier = encodeTypeId("imp", found);
    throw new RowhouseError(
      "CONFLICT",
      `This list has this very file already, by import ${earlier}. To import it once more, send it to ?duplicate=allow.`,
      { details: { importId: earlier } },
    );
  }
  await finishUpload(client, record.id, last);
}

async function* limited(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      throw new RowhouseError(
        "LIMIT_EXCEEDED",
        `The file is larger than ${maxBytes} bytes, the limit of an upload. Split it.`,
        {
          details: { limit: maxBytes, count: bytes, name: "uploadBytes" },
        },
      );
    }
    yield chunk;
  }
}

/** What the client is told, and whether the same import can go on: a file that is wrong fails it, anything else interrupts it. */
function explain(error: unknown): { status: "interrupted" | "failed"; error: RowhouseError } {
  if (error instanceof ImportFileError) {
    const isOther = error.code === "RESUME_MISMATCH";
    const code = isOther ? "CONFLICT" : error.code === "DECOMPRESSION_LIMIT" ? "LIMIT_EXCEEDED" : "VALIDATION_FAILED";
    const details = { ...error.details, problem: error.code };
    return { status: isOther ? "interrupted" : "failed", error: new RowhouseError(code, error.message, { details }) };
  }
  if (error instanceof RowhouseError) {
    return { status: error.code === "INVALID_STATE" ? "interrupted" : "failed", error };
  }
  const message = "The upload broke off. Send the same file again: it goes on after the last line that was kept.";
  return { status: "interrupted", error: new RowhouseError("INVALID_STATE", message, { cause: error }) };
}
