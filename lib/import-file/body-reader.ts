import { createHash } from "node:crypto";
import type { HeaderMapping } from "./header-mapping.ts";
import type {
  ImportBatch,
  ImportCheckpoint,
  ImportCounters,
  ImportFileDescription,
  ImportFileEnd,
} from "./import-batch.ts";
import { ImportFileError } from "./import-file-error.ts";
import type { ImportFileLimits, ImportFileOptions } from "./import-file-options.ts";
import type { Layout } from "./read-header.ts";
import { RecordFramer } from "./record-framer.ts";
import { RecordReader } from "./record-reader.ts";
import { RowEncoder } from "./row-encoder.ts";
import type { Sniffed } from "./sniff.ts";
import type { TextSource } from "./text-source.ts";

const MAY_BE_CUT: readonly string[] = ["UNCLOSED_QUOTE", "TOO_FEW_FIELDS", "INVALID_JSON"];

/** Reads what comes after the header, piece by piece, and keeps the place, the hash and the counts of the checkpoint. */
export class BodyReader {
  /** Bytes of the text that are passed over before the first piece: the header, or all before the checkpoint. */
  readonly from: number;
  readonly #text: TextSource;
  readonly #file: ImportFileDescription;
  readonly #layout: Layout;
  readonly #resume: ImportCheckpoint | undefined;
  readonly #counters: ImportCounters;
  readonly #framer: RecordFramer;
  readonly #reader: RecordReader;
  readonly #hash = createHash("sha256");
  #textBytes = 0;
  #isVerified = false;
  #accepted: number;

  constructor(
    text: TextSource,
    sniffed: Sniffed,
    layout: Layout,
    mapping: HeaderMapping,
    options: ImportFileOptions,
    limits: ImportFileLimits,
  ) {
    const { format, delimiter, lineEnd } = sniffed;
    const { headers } = layout;
    this.#text = text;
    this.#layout = layout;
    this.#resume = options.resumeFrom;
    this.#file = { format, encoding: text.encoding, isGzip: text.isGzip, delimiter, headers, mapping };
    this.from = this.#resume?.textBytes ?? layout.headerBytes;
    const lines = this.#resume?.lineNumber ?? layout.headerLines;
    this.#counters = this.#resume ? { ...this.#resume.counters } : noCounts(lines);
    this.#accepted = this.#counters.rowsAccepted;
    this.#framer = new RecordFramer({ delimiter, lineEnd, maxBytes: limits.maxLineBytes, lineNumber: lines + 1 });
    this.#reader = new RecordReader(
      new RowEncoder(headers, mapping, options.defaultCountry ?? "US", limits.maxCellLength),
      {
        counters: this.#counters,
        limits,
        delimiter,
        columnCount: headers.length,
        allowShortRows: options.allowShortRows ?? false,
      },
    );
  }

  /** The only batch of a file without any text, or of a compressed one that was cut before its first line. */
  static ofNothing(text: TextSource): ImportBatch {
    const end: ImportFileEnd = text.isTruncated() ? truncated(null) : ended("empty", "The file is empty.");
    const checkpoint = {
      lineNumber: 0,
      textBytes: 0,
      sha256: createHash("sha256").digest("hex"),
      counters: noCounts(0),
    };
    return {
      rows: Buffer.alloc(0),
      rowCount: 0,
      rejects: [],
      checkpoint,
      bytesRead: text.bytesRead(),
      file: null,
      end,
    };
  }

  /** Takes note of text that is passed over. */
  skip(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#textBytes += bytes.length;
  }

  /** The rows of another piece; null where it only went on with a line whose end is to come. */
  read(piece: Buffer): ImportBatch | null {
    return this.#take(piece, false, null);
  }

  /** The last batch of a file that was read to its end. */
  endComplete(): ImportBatch {
    const [accepted, hasLast] = [this.#counters.rowsAccepted, this.#framer.unfinished.length > 0];
    const batch = this.#take(Buffer.alloc(0), true, null)!;
    const last = batch.rejects[0];
    const isCut =
      hasLast &&
      last !== undefined &&
      MAY_BE_CUT.includes(last.code) &&
      batch.checkpoint.counters.rowsAccepted === accepted;
    const end = this.#endOf(batch.checkpoint.counters);
    if (!isCut) return { ...batch, end };
    const cut = { ...last, reason: `${last.reason} The file ends here without a line end: it may have been cut.` };
    const message = `${end.message} Its last record, on line ${last.lineNumber}, is not whole: the file may have been cut.`;
    return { ...batch, rejects: [cut, ...batch.rejects.slice(1)], end: { ...end, message, cut } };
  }

  /** The last batch of a file that was cut: the line in which it was is read when the file is sent again. */
  endTruncated(): ImportBatch {
    if (this.#textBytes < this.from && this.#resume) {
      return { ...this.#batch("", null), checkpoint: this.#resume, end: truncated(null) };
    }
    this.#verify();
    const { unfinished, lineNumber } = this.#framer;
    const cut = unfinished.length
      ? this.#reader.describe(lineNumber, unfinished, "CUT", "The file was cut in this line.")
      : null;
    return this.#batch("", truncated(cut));
  }

  #take(piece: Buffer, isLast: boolean, end: ImportFileEnd | null): ImportBatch | null {
    this.#verify();
    const framed = this.#framer.push(piece, isLast);
    const rows = this.#reader.read(framed);
    this.skip(framed.text.subarray(0, framed.consumed));
    const batch = isLast || framed.frames.length > 0 ? this.#batch(rows, end) : null;
    // Belongs to no checkpoint yet: an upload goes on only between two lines.
    if (framed.dropped) this.skip(framed.dropped);
    return batch;
  }

  #batch(rows: string, end: ImportFileEnd | null): ImportBatch {
    const counters = { ...this.#counters, linesRead: this.#framer.lineNumber - 1 };
    const rowCount = counters.rowsAccepted - this.#accepted;
    this.#accepted = counters.rowsAccepted;
    const checkpoint: ImportCheckpoint = {
      lineNumber: counters.linesRead,
      textBytes: this.#textBytes,
      sha256: this.#hash.copy().digest("hex"),
      counters,
    };
    return {
      rows: Buffer.from(rows),
      rowCount,
      rejects: this.#reader.takeRejects(),
      checkpoint,
      bytesRead: this.#text.bytesRead(),
      file: this.#file,
      end,
    };
  }

  #verify(): void {
    if (this.#isVerified) return;
    this.#isVerified = true;
    if (!this.#resume || this.#hash.copy().digest("hex") === this.#resume.sha256) return;
    throw new ImportFileError(
      "RESUME_MISMATCH",
      "This is not the file whose upload was interrupted: its beginning differs. Send the same file again, or start a new import.",
    );
  }

  #endOf(counters: Readonly<ImportCounters>): ImportFileEnd {
    if (counters.rowsAccepted + counters.rowsRejected > 0) return ended("complete", "The file was read to its end.");
    if (this.#layout.headerLines > 0) return ended("header_only", "The file has a header and no rows.");
    return ended("empty", "The file has no rows.");
  }
}

const ended = (outcome: ImportFileEnd["outcome"], message: string): ImportFileEnd => ({ outcome, message, cut: null });

const truncated = (cut: ImportFileEnd["cut"]): ImportFileEnd => ({
  outcome: "truncated",
  message:
    "The file was cut: its compressed data ends too early. Send it again, and it goes on after the last line that was kept.",
  cut,
});

const noCounts = (linesRead: number): ImportCounters => ({
  linesRead,
  blankLines: 0,
  rowsAccepted: 0,
  rowsRejected: 0,
  invalidEmails: 0,
  invalidPhones: 0,
});
