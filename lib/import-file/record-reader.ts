import { isUtf8 } from "node:buffer";
import { readCsvRecords } from "./csv-records.ts";
import type { ImportCounters, ImportReject, RejectCode } from "./import-batch.ts";
import type { ImportFileLimits } from "./import-file-options.ts";
import type { Frame } from "./record-framer.ts";
import type { RowEncoder } from "./row-encoder.ts";

/** Turns framed records into rows in COPY text, rejects and counts. */
export class RecordReader {
  readonly counters: ImportCounters;
  readonly #encoder: RowEncoder;
  readonly #limits: ImportFileLimits;
  readonly #delimiter: string | null;
  readonly #columnCount: number;
  readonly #allowShortRows: boolean;
  #rejects: ImportReject[] = [];

  constructor(
    encoder: RowEncoder,
    options: {
      counters: ImportCounters;
      limits: ImportFileLimits;
      delimiter: string | null;
      columnCount: number;
      allowShortRows: boolean;
    },
  ) {
    this.#encoder = encoder;
    this.counters = options.counters;
    this.#limits = options.limits;
    this.#delimiter = options.delimiter;
    this.#columnCount = options.columnCount;
    this.#allowShortRows = options.allowShortRows;
  }

  /** The rows of these records in COPY text format; what was rejected is given by takeRejects. */
  read(frames: readonly Frame[]): string {
    const good = frames.filter((frame) => this.#isReadable(frame));
    let rows = "";
    if (this.#delimiter === null) {
      for (const frame of good) rows += this.#readObject(frame);
      return rows;
    }
    const records = readCsvRecords(good, this.#delimiter);
    for (const [i, frame] of good.entries()) rows += this.#readFields(frame, records[i]!);
    return rows;
  }

  /** The rejects since the last call. */
  takeRejects(): ImportReject[] {
    const rejects = this.#rejects;
    this.#rejects = [];
    return rejects;
  }

  /** A reject of this record, not counted. */
  describe(frame: Frame, code: RejectCode, reason: string): ImportReject {
    const raw = frame.bytes.subarray(0, this.#limits.rawBytes).toString("utf8").replaceAll("\0", "\u2400");
    return { lineNumber: frame.lineNumber, code, reason, raw };
  }

  #isReadable(frame: Frame): boolean {
    const { bytes } = frame;
    if (frame.problem === "LINE_TOO_LONG" || bytes.length > this.#limits.maxLineBytes) {
      return this.#reject(frame, "LINE_TOO_LONG", `The line is longer than ${this.#limits.maxLineBytes} bytes.`);
    }
    if (frame.problem)
      return this.#reject(frame, frame.problem, "A quoted field begins on this line and is never closed.");
    if (isBlank(bytes)) {
      this.counters.blankLines++;
      return false;
    }
    if (bytes.includes(0)) return this.#reject(frame, "NUL_BYTE", "The line holds a NUL byte.");
    if (!isUtf8(bytes)) {
      return this.#reject(
        frame,
        "INVALID_TEXT",
        "The line is not UTF-8. Name the file's encoding, or save it as UTF-8.",
      );
    }
    return true;
  }

  #readFields(frame: Frame, fields: string[] | null): string {
    if (!fields)
      return this.#drop(
        frame,
        "BAD_QUOTE",
        "The quotes of the line do not fit: write a quote inside a quoted field twice.",
      );
    if (fields.length > this.#columnCount && fields.slice(this.#columnCount).some((field) => field.trim() !== "")) {
      return this.#drop(
        frame,
        "TOO_MANY_FIELDS",
        `The line has ${fields.length} fields; the header has ${this.#columnCount}.`,
      );
    }
    if (fields.length < this.#columnCount && !this.#allowShortRows) {
      return this.#drop(
        frame,
        "TOO_FEW_FIELDS",
        `The line has ${fields.length} fields; the header has ${this.#columnCount}.`,
      );
    }
    if (!fields.some((field) => field.trim() !== "")) {
      this.counters.blankLines++;
      return "";
    }
    const row = this.#encoder.encodeFields(frame.lineNumber, fields, this.counters);
    return typeof row === "string" ? row : this.#drop(frame, row.code, row.reason);
  }

  #readObject(frame: Frame): string {
    let value: unknown;
    try {
      value = JSON.parse(frame.bytes.toString("utf8"));
    } catch {
      return this.#drop(frame, "INVALID_JSON", "The line is not valid JSON.");
    }
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      return this.#drop(frame, "NOT_AN_OBJECT", "The line is not a JSON object.");
    }
    if (Object.keys(value).length > this.#limits.maxColumns) {
      return this.#drop(frame, "TOO_MANY_FIELDS", `The object has more than ${this.#limits.maxColumns} keys.`);
    }
    if (depthOf(value) > this.#limits.maxJsonDepth) {
      return this.#drop(frame, "WRONG_TYPE", `The object nests deeper than ${this.#limits.maxJsonDepth} levels.`);
    }
    const row = this.#encoder.encodeObject(frame.lineNumber, value as Record<string, unknown>, this.counters);
    return typeof row === "string" ? row : this.#drop(frame, row.code, row.reason);
  }

  #drop(frame: Frame, code: RejectCode, reason: string): string {
    this.#reject(frame, code, reason);
    return "";
  }

  #reject(frame: Frame, code: RejectCode, reason: string): false {
    this.counters.rowsRejected++;
    this.#rejects.push(this.describe(frame, code, reason));
    return false;
  }
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}

function depthOf(value: unknown): number {
  let depth = 0;
  for (let level: unknown[] = [value]; level.length > 0 && depth <= 64; depth++) {
    level = level
      .flatMap((each) => (each !== null && typeof each === "object" ? Object.values(each) : []))
      .filter((each) => each !== null && typeof each === "object");
  }
  return depth;
}
