import { normaliseEmail } from "../email-address.ts";
import { normalisePhone } from "../phone-number.ts";
import { copyJsonText, copyText } from "./copy-text.ts";
import { ENTRY_COLUMN_LENGTHS, ENTRY_COLUMNS } from "./entry-columns.ts";
import type { HeaderMapping } from "./header-mapping.ts";
import type { ImportCounters } from "./import-batch.ts";
import type { RowProblem } from "./json-line.ts";

const EMAIL = ENTRY_COLUMNS.indexOf("email");
const PHONE = ENTRY_COLUMNS.indexOf("phone");
const COUNTRY = ENTRY_COLUMNS.indexOf("country");

/** Turns rows into lines in COPY text format, with the columns of STAGING_COLUMNS. */
export class RowEncoder {
  readonly #defaultCountry: string;
  readonly #maxCellLength: number;
  readonly #headers: readonly string[];
  readonly #mapping: HeaderMapping;
  /** Per source column, its key in `data` as JSON in COPY text format. */
  readonly #keys: readonly string[];
  /** Per source column, the place of its typed column, or -1. */
  readonly #places: readonly number[];
  /** The typed columns of the row at hand, in the order of ENTRY_COLUMNS. */
  readonly #typed: (string | null)[] = ENTRY_COLUMNS.map(() => null);

  constructor(headers: readonly string[], mapping: HeaderMapping, defaultCountry: string, maxCellLength: number) {
    this.#headers = headers;
    this.#mapping = mapping;
    this.#defaultCountry = defaultCountry;
    this.#maxCellLength = maxCellLength;
    this.#keys = headers.map((header) => `${copyJsonText(header)}:`);
    this.#places = headers.map((header) => ENTRY_COLUMNS.findIndex((column) => mapping[column] === header));
  }

  /** A row of a CSV file; empty cells are left out of `data`. */
  encodeFields(lineNumber: number, fields: readonly string[], counters: ImportCounters): string | RowProblem {
    this.#typed.fill(null);
    let data = "";
    for (let i = 0; i < this.#headers.length; i++) {
      const cell = fields[i];
      if (!cell) continue;
      if (cell.length > this.#maxCellLength) {
        const reason = `"${this.#headers[i]}" has ${cell.length} characters; at most ${this.#maxCellLength} are taken.`;
        return { code: "CELL_TOO_LONG", reason };
      }
      data += (data === "" ? "" : ",") + this.#keys[i] + copyJsonText(cell);
      const place = this.#places[i]!;
      const problem = place < 0 ? null : this.#put(place, cell);
      if (problem) return problem;
    }
    return this.#line(lineNumber, `{${data}}`, counters);
  }

  /** An object of a JSON Lines file; `data` is its own text, so that no number is rounded. */
  encodeObject(
    lineNumber: number,
    object: Readonly<Record<string, unknown>>,
    text: string,
    counters: ImportCounters,
  ): string | RowProblem {
    this.#typed.fill(null);
    for (const [place, column] of ENTRY_COLUMNS.entries()) {
      const header = this.#mapping[column];
      const value = header !== undefined && Object.hasOwn(object, header) ? object[header] : null;
      if (value === null) continue;
      if (typeof value === "object") {
        const reason = `"${header}" is an object or array; ${column} takes a text, a number or a truth value.`;
        return { code: "WRONG_TYPE", reason };
      }
      const problem = this.#put(place, String(value));
      if (problem) return problem;
    }
    return this.#line(lineNumber, copyText(text), counters);
  }

  #put(place: number, value: string): RowProblem | null {
    const trimmed = value.trim();
    if (trimmed === "") return null;
    const column = ENTRY_COLUMNS[place]!;
    const limit = ENTRY_COLUMN_LENGTHS[column];
    if (trimmed.length > limit) {
      const reason = `"${this.#mapping[column]}" (${column}) has ${trimmed.length} characters; at most ${limit} are taken.`;
      return { code: "VALUE_TOO_LONG", reason };
    }
    this.#typed[place] = trimmed;
    return null;
  }

  #line(lineNumber: number, data: string, counters: ImportCounters): string {
    const typed = this.#typed;
    const email = typed[EMAIL];
    if (email != null) {
      typed[EMAIL] = normaliseEmail(email);
      if (typed[EMAIL] === null) counters.invalidEmails++;
    }
    let e164: string | null = null;
    const phone = typed[PHONE];
    if (phone != null) {
      e164 = normalisePhone(phone, this.#countryOfRow());
      if (e164 === null) counters.invalidPhones++;
    }
    counters.rowsAccepted++;
    let line = `${lineNumber}\t${data}`;
    for (const value of typed) line += value === null ? "\t\\N" : `\t${copyText(value)}`;
    return `${line}\t${e164 ?? "\\N"}\n`;
  }

  #countryOfRow(): string {
    const country = this.#typed[COUNTRY];
    if (country?.length !== 2 || !/^[a-z]{2}$/i.test(country)) return this.#defaultCountry;
    const code = country.toUpperCase();
    return code === "UK" ? "GB" : code;
  }
}
