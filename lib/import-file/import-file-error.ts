/** Why a whole file was refused; lines that are wrong by themselves become rejects instead. */
export type ImportFileErrorCode =
  | "NOT_A_LIST"
  | "WRONG_ENCODING"
  | "HEADER_MISSING"
  | "HEADER_UNREADABLE"
  | "TOO_MANY_COLUMNS"
  | "BAD_MAPPING"
  | "BAD_OPTION"
  | "DECOMPRESSION_LIMIT"
  | "RESUME_MISMATCH";

/** Thrown when a file cannot be imported as a whole; `message` says what it is and what to do. */
export class ImportFileError extends Error {
  override readonly name = "ImportFileError";
  readonly code: ImportFileErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ImportFileErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}
