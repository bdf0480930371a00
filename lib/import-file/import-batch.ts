import type { EntryColumn } from "./entry-columns.ts";
import type { ImportDelimiter, ImportEncoding, ImportFormat } from "./import-file-options.ts";

/** The reasons to reject a line. */
export const REJECT_CODES = [
  "LINE_TOO_LONG",
  "CELL_TOO_LONG",
  "TOO_MANY_FIELDS",
  "TOO_FEW_FIELDS",
  "BAD_QUOTE",
  "UNCLOSED_QUOTE",
  "NUL_BYTE",
  "INVALID_TEXT",
  "INVALID_JSON",
  "NOT_AN_OBJECT",
  "VALUE_TOO_LONG",
  "WRONG_TYPE",
  "CUT",
] as const;

/** Why a line was rejected. */
export type RejectCode = (typeof REJECT_CODES)[number];

/** A line that was not taken; `raw` is cut and safe to store as text. */
export interface ImportReject {
  readonly lineNumber: number;
  readonly code: RejectCode;
  readonly reason: string;
  readonly raw: string;
}

/** What was counted from the start of the file to a checkpoint. */
export interface ImportCounters {
  /** Lines of the text, the header and blank ones included. */
  linesRead: number;
  /** Blank lines, and rows whose cells are all empty. */
  blankLines: number;
  rowsAccepted: number;
  rowsRejected: number;
  /** Accepted rows whose e-mail column is no e-mail address; it stays in `data` and the column is null. */
  invalidEmails: number;
  /** Accepted rows whose phone column gives no E.164 number. */
  invalidPhones: number;
}

/** A place between two lines up to which everything was handed over; plain JSON, to be stored with the rows. */
export interface ImportCheckpoint {
  /** Lines before this place. */
  readonly lineNumber: number;
  /** Bytes of decoded text (UTF-8, without byte order mark) before this place. */
  readonly textBytes: number;
  /** SHA-256 of those bytes, in hexadecimal. */
  readonly sha256: string;
  readonly counters: Readonly<ImportCounters>;
}

/** What the file turned out to be. */
export interface ImportFileDescription {
  readonly format: Exclude<ImportFormat, "auto">;
  readonly encoding: Exclude<ImportEncoding, "auto">;
  readonly isGzip: boolean;
  readonly delimiter: ImportDelimiter | null;
  /** Names of the source columns, made unique; for JSONL the keys seen in the first 64 kB. */
  readonly headers: readonly string[];
  readonly mapping: Readonly<Partial<Record<EntryColumn, string>>>;
}

/** How the file ended. */
export interface ImportFileEnd {
  /** `truncated`: what is before the last checkpoint is good, and the same file can be sent again from there. */
  readonly outcome: "complete" | "empty" | "header_only" | "truncated";
  /** A sentence for the person who sent the file. */
  readonly message: string;
  /** The line that was cut: of a `truncated` file not counted; of a `complete` one it is also among the rejects. */
  readonly cut: ImportReject | null;
}

/** A part of the file: the records that `batchBytes` of its text completed. */
export interface ImportBatch {
  /** Rows in COPY text format, columns as in `STAGING_COLUMNS`; may be empty. */
  readonly rows: Buffer;
  readonly rowCount: number;
  readonly rejects: readonly ImportReject[];
  /** The place in the file after this batch. */
  readonly checkpoint: ImportCheckpoint;
  /** Bytes received so far, as sent (compressed). */
  readonly bytesRead: number;
  /** Null only where the file is empty. */
  readonly file: ImportFileDescription | null;
  /** Set on the last batch only. */
  readonly end: ImportFileEnd | null;
}
