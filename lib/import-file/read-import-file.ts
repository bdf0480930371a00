import { createHash, type Hash } from "node:crypto";
import { mapHeaders } from "./header-mapping.ts";
import type {
  ImportBatch,
  ImportCheckpoint,
  ImportCounters,
  ImportFileDescription,
  ImportFileEnd,
  ImportReject,
} from "./import-batch.ts";
import { ImportFileError } from "./import-file-error.ts";
import {
  checkImportFileOptions,
  DEFAULT_IMPORT_FILE_LIMITS,
  type ImportFileLimits,
  type ImportFileOptions,
} from "./import-file-options.ts";
import { type Layout, readHeader } from "./read-header.ts";
import { RecordFramer } from "./record-framer.ts";
import { RecordReader } from "./record-reader.ts";
import { RowEncoder } from "./row-encoder.ts";
import { refuseOtherKinds, sniff, type Sniffed } from "./sniff.ts";
import { HEAD_BYTES, openTextSource, peek, type TextSource } from "./text-source.ts";

const PIECE_BYTES = 256 * 1024;

/**
 * Reads a CSV, TSV or JSON Lines file of any size, plain or gzip, in constant memory: gives batches of rows in COPY text
 * format (columns of STAGING_COLUMNS) with rejects, counts and a checkpoint to go on from. Pull-based: nothing is read
 * ahead of the consumer but the piece at hand. Throws ImportFileError where the file as a whole cannot be read.
 */
export async function* readImportFile(
  source: AsyncIterable<Uint8Array>,
  options: ImportFileOptions = {},
): AsyncGenerator<ImportBatch> {
  checkImportFileOptions(options);
  const limits: ImportFileLimits = { ...DEFAULT_IMPORT_FILE_LIMITS, ...options.limits };
  const [signature, received] = await peek(source, 16);
  refuseOtherKinds(signature);
  const text = await openTextSource(received, options.encoding ?? "auto", limits);
  const [head, chunks] = await peek(text.chunks, HEAD_BYTES);
  refuseOtherKinds(head);
  if (head.toString("utf8", 0, HEAD_BYTES).trim() === "") return yield emptyFile(text);
  const sniffed = sniff(head.subarray(0, HEAD_BYTES), options);
  const layout = readHeader(head, sniffed, options, limits);
  yield* readBody(chunks, text, sniffed, layout, options, limits);
}

async function* readBody(
  chunks: AsyncGenerator<Buffer>,
  text: TextSource,
  sniffed: Sniffed,
  layout: Layout,
  options: ImportFileOptions,
  limits: ImportFileLimits,
): AsyncGenerator<ImportBatch> {
  const mapping = mapHeaders(layout.headers, options.mapping);
  const file: ImportFileDescription = {
    format: sniffed.format,
    encoding: text.encoding,
    isGzip: text.isGzip,
    delimiter: sniffed.delimiter,
    headers: layout.headers,
    mapping,
  };
  const resume = options.resumeFrom;
  const from = { bytes: resume?.textBytes ?? layout.headerBytes, lines: resume?.lineNumber ?? layout.headerLines };
  const hash = createHash("sha256");
  const body = await skipTo(chunks, from.bytes, hash);
  if (resume && hash.copy().digest("hex") !== resume.sha256) {
    throw new ImportFileError(
      "RESUME_MISMATCH",
      "This is not the file whose upload was interrupted: its beginning differs. Send the same file again, or start a new import.",
    );
  }
  const counters: ImportCounters = resume
    ? { ...resume.counters }
    : { linesRead: from.lines, blankLines: 0, rowsAccepted: 0, rowsRejected: 0, invalidEmails: 0, invalidPhones: 0 };
  const framer = new RecordFramer({
    delimiter: sniffed.delimiter,
    lineEnd: sniffed.lineEnd,
    maxBytes: limits.maxLineBytes,
    lineNumber: from.lines + 1,
  });
  const encoder = new RowEncoder(layout.headers, mapping, options.defaultCountry ?? "US", limits.maxCellLength);
  const reader = new RecordReader(encoder, {
    counters,
    limits,
    delimiter: sniffed.delimiter,
    columnCount: layout.headers.length,
    allowShortRows: options.allowShortRows ?? false,
  });

  let textBytes = from.bytes;
  let accepted = counters.rowsAccepted;
  const batch = (rows: string, end: ImportFileEnd | null): ImportBatch => {
    counters.linesRead = framer.lineNumber - 1;
    const checkpoint: ImportCheckpoint = {
      lineNumber: framer.lineNumber - 1,
      textBytes,
      sha256: hash.copy().digest("hex"),
      counters: { ...counters },
    };
    const rowCount = counters.rowsAccepted - accepted;
    accepted = counters.rowsAccepted;
    return {
      rows: Buffer.from(rows),
      rowCount,
      rejects: reader.takeRejects(),
      checkpoint,
      bytesRead: text.bytesRead(),
      file,
      end,
    };
  };
  const take = (chunk: Buffer, isLast: boolean): string => {
    const { frames, consumed } = framer.push(chunk, isLast);
    hash.update(consumed);
    textBytes += consumed.length;
    return reader.read(frames);
  };

  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield batch(take(chunk.subarray(at, at + PIECE_BYTES), false), null);
    }
  }
  if (text.isTruncated()) {
    // What stands before the cut stays; the line that was cut is read when the file is sent again.
    return yield batch("", {
      outcome: "truncated",
      message:
        "The file was cut: its compressed data ends too early. Send it again, and it goes on after the last line that was kept.",
      cut: null,
    });
  }
  const last = batch(take(Buffer.alloc(0), true), endOf(counters, layout));
  yield { ...last, rejects: last.rejects.map(mayBeCut) };
}

/** Only a record that no line end closes is read last. */
const mayBeCut = (reject: ImportReject): ImportReject => ({
  ...reject,
  reason: `${reject.reason} The file ends here without a line end: it may have been cut.`,
});

function endOf(counters: ImportCounters, layout: Layout): ImportFileEnd {
  const rows = counters.rowsAccepted + counters.rowsRejected;
  if (rows === 0 && layout.headerLines > 0)
    return { outcome: "header_only", message: "The file has a header and no rows.", cut: null };
  if (rows === 0) return { outcome: "empty", message: "The file has no rows.", cut: null };
  return { outcome: "complete", message: "The file was read to its end.", cut: null };
}

function emptyFile(text: TextSource): ImportBatch {
  const counters: ImportCounters = {
    linesRead: 0,
    blankLines: 0,
    rowsAccepted: 0,
    rowsRejected: 0,
    invalidEmails: 0,
    invalidPhones: 0,
  };
  return {
    rows: Buffer.alloc(0),
    rowCount: 0,
    rejects: [],
    checkpoint: { lineNumber: 0, textBytes: 0, sha256: createHash("sha256").digest("hex"), counters },
    bytesRead: text.bytesRead(),
    file: null,
    end: { outcome: "empty", message: "The file is empty.", cut: null },
  };
}

/** Passes over the first bytes, hashing them; gives the rest. */
async function skipTo(chunks: AsyncGenerator<Buffer>, bytes: number, hash: Hash): Promise<AsyncGenerator<Buffer>> {
  let left = bytes;
  let rest: Buffer = Buffer.alloc(0);
  while (left > 0) {
    const next = await chunks.next();
    if (next.done) break;
    hash.update(next.value.subarray(0, left));
    rest = next.value.subarray(Math.min(left, next.value.length));
    left -= Math.min(left, next.value.length);
  }
  async function* body(): AsyncGenerator<Buffer> {
    if (rest.length) yield rest;
    yield* chunks;
  }
  return body();
}
