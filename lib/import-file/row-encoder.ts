import { normaliseEmail } from "../email-address.ts";
import { normalisePhone } from "../phone-number.ts";
import { copyText, jsonText } from "./copy-text.ts";
import { ENTRY_COLUMN_LENGTHS, ENTRY_COLUMNS, type EntryColumn } from "./entry-columns.ts";
import type { HeaderMapping } from "./header-mapping.ts";
import type { ImportCounters, RejectCode } from "./import-batch.ts";

/** Why a row was not taken. */
export interface RowProblem {
  readonly code: RejectCode;
  readonly reason: string;
}

/** What a row gives for the typed columns, in the order of ENTRY_COLUMNS; empty is null. */
type Typed = (string | null)[];

const EMAIL = ENTRY_COLUMNS.indexOf("email");
const PHONE = ENTRY_COLUMNS.indexOf("phone");
const COUNTRY = ENTRY_COLUMNS.indexOf("country");

/** Turns rows into lines in COPY text format, with the columns of STAGING_COLUMNS. */
export class RowEncoder {
  readonly #defaultCountry: string;
  readonly #maxCellLength: number;
  readonly #mapping: HeaderMapping;
  readonly #keys: readonly string[];
  /** Per source column: the place of its typed column, or -1. */
  readonly #places: readonly number[];
  readonly #headers: readonly string[];

  constructor(headers: readonly string[], mapping: HeaderMapping, defaultCountry: string, maxCellLength: number) {
    this.#headers = headers;
    this.#mapping = mapping;
    this.#defaultCountry = defaultCountry;
    this.#maxCellLength = maxCellLength;
    this.#keys = headers.map((header) => `${jsonText(header)}:`);
    this.#places = headers.map((header) => ENTRY_COLUMNS.findIndex((column) => mapping[column] === header));
  }

  /** A row of a CSV file; empty cells are left out of `data`. */
  encodeFields(lineNumber: number, fields: readonly string[], counters: ImportCounters): string | RowProblem {
    const typed: Typed = new Array<string | null>(ENTRY_COLUMNS.length).fill(null);
    let data = "";
    for (let i = 0; i < this.#headers.length; i++) {
      const cell = fields[i];
      if (!cell) continue;
      if (cell.length > this.#maxCellLength)
        return this.#tooLong(this.#headers[i]!, cell.length, this.#maxCellLength, "CELL_TOO_LONG");
      data += `${data ? "," : ""}${this.#keys[i]}${jsonText(cell)}`;
      const place = this.#places[i]!;
      if (place < 0) continue;
      const problem = this.#put(typed, place, cell);
      if (problem) return problem;
    }
    return this.#line(lineNumber, `{${data}}`, typed, counters);
  }

  /** An object of a JSON Lines file; `data` keeps its types. */
  encodeObject(
    lineNumber: number,
    object: Readonly<Record<string, unknown>>,
    counters: ImportCounters,
  ): string | RowProblem {
    const typed: Typed = new Array<string | null>(ENTRY_COLUMNS.length).fill(null);
    for (const [place, column] of ENTRY_COLUMNS.entries()) {
      const header = this.#mapping[column];
      const value = header !== undefined && Object.hasOwn(object, header) ? object[header] : null;
      if (value === null || value === undefined) continue;
      if (typeof value === "object") {
        return {
          code: "WRONG_TYPE",
          reason: `"${header}" is an object or array; ${column} takes a text, a number or a truth value.`,
        };
      }
      const problem = this.#put(typed, place, String(value));
      if (problem) return problem;
    }
    const data = JSON.stringify(object);
    // PostgreSQL keeps neither NUL nor half of a surrogate pair; JSON.stringify writes both as escapes.
    if (/\\u(0000|d[89a-f])/i.test(data) && !isStorable(object)) {
      return { code: "INVALID_TEXT", reason: "The line holds a NUL character or a half of a surrogate pair." };
    }
    return this.#line(lineNumber, data, typed, counters);
  }

  #put(typed: Typed, place: number, value: string): RowProblem | null {
    const trimmed = value.trim();
    if (trimmed === "") return null;
    const column = ENTRY_COLUMNS[place]!;
    if (trimmed.length > ENTRY_COLUMN_LENGTHS[column]) {
      return this.#tooLong(
        this.#mapping[column]!,
        trimmed.length,
        ENTRY_COLUMN_LENGTHS[column],
        "VALUE_TOO_LONG",
        column,
      );
    }
    typed[place] = trimmed;
    return null;
  }

  #tooLong(header: string, length: number, limit: number, code: RejectCode, column?: EntryColumn): RowProblem {
    const what = column ? `"${header}" (${column})` : `"${header}"`;
    return { code, reason: `${what} has ${length} characters; at most ${limit} are taken.` };
  }

  #line(lineNumber: number, data: string, typed: Typed, counters: ImportCounters): string {
    let e164: string | null = null;
    if (typed[EMAIL]) {
      typed[EMAIL] = normaliseEmail(typed[EMAIL]);
      if (typed[EMAIL] === null) counters.invalidEmails++;
    }
    if (typed[PHONE]) {
      const country = typed[COUNTRY]?.toUpperCase();
      e164 = normalisePhone(typed[PHONE], country && /^[A-Z]{2}$/.test(country) ? country : this.#defaultCountry);
      if (e164 === null) counters.invalidPhones++;
    }
    counters.rowsAccepted++;
    let line = `${lineNumber}\t${copyText(data)}`;
    for (const value of typed) line += value === null ? "\t\\N" : `\t${copyText(value)}`;
    return `${line}\t${e164 ?? "\\N"}\n`;
  }
}

function isStorable(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed() && !value.includes("\0");
  if (Array.isArray(value)) return value.every(isStorable);
  if (value !== null && typeof value === "object") {
    return Object.entries(value).every(([key, each]) => isStorable(key) && isStorable(each));
  }
  return true;
}
