import type { EntryColumn } from "./entry-columns.ts";
import type { ImportCheckpoint } from "./import-batch.ts";
import { ImportFileError } from "./import-file-error.ts";

/** The encodings that can be named; `auto` knows byte order marks, UTF-16 by its pattern, and otherwise demands UTF-8. */
export const IMPORT_ENCODINGS = [
  "auto",
  "utf-8",
  "utf-16le",
  "utf-16be",
  "windows-1250",
  "windows-1251",
  "windows-1252",
  "iso-8859-1",
  "iso-8859-15",
  "macintosh",
] as const;

/** One of `IMPORT_ENCODINGS`. */
export type ImportEncoding = (typeof IMPORT_ENCODINGS)[number];

/** The formats that can be read. */
export const IMPORT_FORMATS = ["auto", "csv", "tsv", "jsonl"] as const;

/** One of `IMPORT_FORMATS`. */
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** The delimiters that `auto` chooses among, most usual first. */
export const IMPORT_DELIMITERS = [",", ";", "|", "\t"] as const;

/** One of `IMPORT_DELIMITERS`. */
export type ImportDelimiter = (typeof IMPORT_DELIMITERS)[number];

/** How much of everything a file may have; sizes in bytes of the decoded text unless said otherwise. */
export interface ImportFileLimits {
  /** A longer line, or quoted record, is rejected and reading goes on at the next line. */
  readonly maxLineBytes: number;
  /** A longer cell (UTF-16 units) rejects its line. */
  readonly maxCellLength: number;
  /** A file with more columns is refused; a JSON object with more keys is rejected. */
  readonly maxColumns: number;
  /** How deep objects and arrays of a JSON line may nest. */
  readonly maxJsonDepth: number;
  /** A compressed file that grows beyond this many bytes is refused. */
  readonly maxDecompressedBytes: number;
  /** A compressed file that grows by more than this factor is refused, once it is beyond 16 MiB. */
  readonly maxCompressionRatio: number;
  /** How many bytes of text make a batch; its COPY text is two or three times as long. */
  readonly batchBytes: number;
  /** How many bytes of a rejected line are kept. */
  readonly rawBytes: number;
}

/** The limits that hold where an import names none. */
export const DEFAULT_IMPORT_FILE_LIMITS: ImportFileLimits = {
  maxLineBytes: 1024 * 1024,
  maxCellLength: 64 * 1024,
  maxColumns: 1000,
  maxJsonDepth: 32,
  maxDecompressedBytes: 64 * 1024 ** 3,
  maxCompressionRatio: 200,
  batchBytes: 64 * 1024,
  rawBytes: 2048,
};

/** How to read one file. */
export interface ImportFileOptions {
  /** The client's name of the file: a hint for the format, used in no path. */
  readonly fileName?: string;
  /** The content type of the upload: a hint for the format. */
  readonly contentType?: string;
  readonly format?: ImportFormat;
  readonly encoding?: ImportEncoding;
  readonly delimiter?: ImportDelimiter | "auto";
  /** False: the first line is data and the columns are named `column_1`, `column_2`, …; default true. */
  readonly hasHeader?: boolean;
  /** Takes a line with fewer fields than the header as one whose last fields are absent; default false. */
  readonly allowShortRows?: boolean;
  /** Source column to typed column, or to null for none; absent: by well-known names. */
  readonly mapping?: Readonly<Record<string, EntryColumn | null>>;
  /** ISO 3166 alpha-2 country of national phone numbers where the row names none; default `US`. */
  readonly defaultCountry?: string;
  /** Where an earlier upload of the same file got to: what is before it is verified and skipped. */
  readonly resumeFrom?: ImportCheckpoint;
  readonly limits?: Partial<ImportFileLimits>;
}

const oneOf = (name: string, value: string | undefined, allowed: readonly string[]): void => {
  if (value !== undefined && !allowed.includes(value)) {
    const choices = allowed.map((choice) => JSON.stringify(choice)).join(", ");
    throw new ImportFileError("BAD_OPTION", `${name} ${JSON.stringify(value)} is unknown; choose one of ${choices}.`);
  }
};

/** Checks the named choices of the options; throws BAD_OPTION with the allowed values. */
export function checkImportFileOptions(options: ImportFileOptions): void {
  oneOf("encoding", options.encoding, IMPORT_ENCODINGS);
  oneOf("format", options.format, IMPORT_FORMATS);
  oneOf("delimiter", options.delimiter, ["auto", ...IMPORT_DELIMITERS]);
  if (options.defaultCountry !== undefined && !/^[A-Z]{2}$/.test(options.defaultCountry)) {
    throw new ImportFileError(
      "BAD_OPTION",
      `defaultCountry ${JSON.stringify(options.defaultCountry)} is not a two-letter country code such as "US".`,
    );
  }
}
