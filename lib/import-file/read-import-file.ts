import { BodyReader } from "./body-reader.ts";
import { type ByteChunks, inPieces, skip } from "./byte-chunks.ts";
import { mapHeaders } from "./header-mapping.ts";
import type { ImportBatch } from "./import-batch.ts";
import { ImportFileError } from "./import-file-error.ts";
import {
  checkImportFileOptions,
  DEFAULT_IMPORT_FILE_LIMITS,
  type ImportFileLimits,
  type ImportFileOptions,
} from "./import-file-options.ts";
import { readHeader } from "./read-header.ts";
import { sniff } from "./sniff.ts";
import { HEAD_BYTES, openTextSource, type TextSource } from "./text-source.ts";

/**
 * Reads a CSV, TSV or JSON Lines file of any size, plain or gzip, in constant memory: gives batches of rows in COPY text
 * format (columns of STAGING_COLUMNS) with rejects, counts and a checkpoint to go on from. Pull-based: nothing is read
 * ahead of the consumer but the piece at hand. Throws ImportFileError where the file as a whole cannot be read, and what
 * the source throws, after what came before it. A source that is not read to its end is left open: it is the caller's.
 */
export async function* readImportFile(
  source: AsyncIterable<Uint8Array>,
  options: ImportFileOptions = {},
): AsyncGenerator<ImportBatch> {
  checkImportFileOptions(options);
  const limits: ImportFileLimits = { ...DEFAULT_IMPORT_FILE_LIMITS, ...options.limits };
  const text = await openTextSource(source, options.encoding ?? "auto", limits);
  const head = text.head.subarray(0, HEAD_BYTES);
  const isWhole = text.isWhole && head.length === text.head.length;
  const isBlank = head.toString("utf8").trim() === "";
  if (isWhole && (isBlank || (text.isTruncated() && !head.includes(10)))) {
    return yield BodyReader.ofNothing(text);
  }
  if (isBlank) {
    throw new ImportFileError("NOT_A_LIST", `The first ${HEAD_BYTES} bytes of the file are blank. Remove them.`);
  }
  const sniffed = sniff(head, isWhole, options);
  const layout = readHeader(head, isWhole, sniffed, options, limits);
  const mapping = mapHeaders(layout.headers, options.mapping);
  const reader = new BodyReader(text, sniffed, layout, mapping, options, limits);
  yield* readBody(text, reader, limits);
}

async function* readBody(text: TextSource, reader: BodyReader, limits: ImportFileLimits): AsyncGenerator<ImportBatch> {
  const body: ByteChunks = skip(text.chunks, reader.from, (bytes) => reader.skip(bytes));
  for await (const piece of inPieces(body, limits.batchBytes)) {
    const batch = reader.read(piece);
    if (batch) yield batch;
  }
  yield text.isTruncated() ? reader.endTruncated() : reader.endComplete();
}
