import { isUtf8 } from "node:buffer";
import { readCsvRecords } from "./csv-records.ts";
import type { ImportCounters, ImportReject, RejectCode } from "./import-batch.ts";
import type { ImportFileLimits } from "./import-file-options.ts";
import { readJsonLine, type RowProblem } from "./json-line.ts";
import type { Frame, Framed } from "./record-framer.ts";
import type { RowEncoder } from "./row-encoder.ts";

const BAD_TEXT: RowProblem = {
  code: "INVALID_TEXT",
  reason: "The line holds bytes that are no text in the file's encoding. Name the right encoding, or save it as UTF-8.",
};
const NUL: RowProblem = { code: "NUL_BYTE", reason: "The line holds a NUL byte." };
const BAD_QUOTES: RowProblem = {
  code: "BAD_QUOTE",
  reason: "A quoted field is followed by more text. Write a quote inside a quoted field twice.",
};

/** Turns framed records into rows in COPY text, rejects and counts. */
export class RecordReader {
  readonly #counters: ImportCounters;
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
    this.#counters = options.counters;
    this.#limits = options.limits;
    this.#delimiter = options.delimiter;
    this.#columnCount = options.columnCount;
    this.#allowShortRows = options.allowShortRows;
  }

  /** The rows of these records in COPY text format; what was rejected is given by takeRejects. */
  read(framed: Framed): string {
    const { text, consumed } = framed;
    const region = consumed === text.length ? text : text.subarray(0, consumed);
    const isClean = isUtf8(region) && !region.includes(0);
    const frames = framed.frames.filter((frame) => this.#isReadable(frame, text, isClean));
    const records = frames.map((frame) => text.toString("utf8", frame.start, frame.end));
    const fields = this.#delimiter === null ? null : readCsvRecords(records, this.#delimiter);
    let rows = "";
    for (const [i, frame] of frames.entries()) {
      const row = fields ? this.#readFields(frame, fields[i]!) : this.#readObject(frame, records[i]!);
      if (typeof row === "string") rows += row;
      else this.#reject(frame, text, row);
    }
    return rows;
  }

  /** The rejects since the last call. */
  takeRejects(): ImportReject[] {
    const rejects = this.#rejects.sort((a, b) => a.lineNumber - b.lineNumber);
    this.#rejects = [];
    return rejects;
  }

  /** A reject of these bytes, not counted. */
  describe(lineNumber: number, bytes: Buffer, code: RejectCode, reason: string): ImportReject {
    const raw = bytes.toString("utf8", 0, this.#limits.rawBytes).replaceAll("\0", "\u2400");
    return { lineNumber, code, reason, raw };
  }

  #isReadable(frame: Frame, text: Buffer, isClean: boolean): boolean {
    const problem = frame.problem ? this.#framingProblem(frame.problem) : null;
    if (!problem && isBlank(text, frame)) {
      this.#counters.blankLines++;
      return false;
    }
    if (!problem && isClean) return true;
    const bytes = text.subarray(frame.start, frame.end);
    const found = problem ?? (bytes.includes(0) ? NUL : isUtf8(bytes) ? null : BAD_TEXT);
    if (found) this.#reject(frame, text, found);
    return !found;
  }

  #framingProblem(code: NonNullable<Frame["problem"]>): RowProblem {
    const limit = this.#limits.maxLineBytes;
    if (code === "BAD_QUOTE") return BAD_QUOTES;
    if (code === "LINE_TOO_LONG") return { code, reason: `The line is longer than ${limit} bytes.` };
    return { code, reason: `A quoted field begins on this line and does not end within ${limit} bytes or the file.` };
  }

  #readFields(frame: Frame, fields: string[] | null): string | RowProblem {
    if (!fields) return BAD_QUOTES;
    const count = this.#columnCount;
    if (fields.length > count && fields.slice(count).some((field) => field.trim() !== "")) {
      return { code: "TOO_MANY_FIELDS", reason: `The line has ${fields.length} fields; the header has ${count}.` };
    }
    if (!fields.some((field) => field.trim() !== "")) {
      this.#counters.blankLines++;
      return "";
    }
    if (fields.length < count && !this.#allowShortRows) {
      return { code: "TOO_FEW_FIELDS", reason: `The line has ${fields.length} fields; the header has ${count}.` };
    }
    return this.#encoder.encodeFields(frame.lineNumber, fields, this.#counters);
  }

  #readObject(frame: Frame, line: string): string | RowProblem {
    const { object, problem } = readJsonLine(line, this.#limits);
    return problem ?? this.#encoder.encodeObject(frame.lineNumber, object, line, this.#counters);
  }

  #reject(frame: Frame, text: Buffer, { code, reason }: RowProblem): void {
    this.#counters.rowsRejected++;
    const bytes = frame.raw ?? text.subarray(frame.start, frame.end);
    this.#rejects.push(this.describe(frame.lineNumber, bytes, code, reason));
  }
}

function isBlank(text: Buffer, { start, end }: Frame): boolean {
  for (let at = start; at < end; at++) {
    const byte = text[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}
