import type { RejectCode } from "./import-batch.ts";

const QUOTE = 0x22;
const [MORE, OPEN, BAD] = [-1, -2, -3];
const OVERLONG_RAW_BYTES = 4096;

/** A record's place in the text, without its line end. */
export interface Frame {
  readonly start: number;
  readonly end: number;
  /** Line on which it begins, from 1. */
  readonly lineNumber: number;
  readonly problem: Extract<RejectCode, "LINE_TOO_LONG" | "UNCLOSED_QUOTE" | "BAD_QUOTE"> | null;
  /** The beginning of a line so long that it is no longer in the text. */
  readonly raw: Buffer | null;
}

/** The records that a piece of text completed. */
export interface Framed {
  readonly text: Buffer;
  readonly frames: readonly Frame[];
  /** Bytes of `text` that the frames and their line ends stand in. */
  readonly consumed: number;
  /** What follows them of a line that is too long; its end is not known yet. */
  readonly dropped: Buffer | null;
}

/**
 * Cuts text into records: at line ends, except inside quoted fields. Where quotes do not fit or a record is over the limit,
 * the line it began on is given up and reading goes on at the next, so that one stray quote does not swallow the file.
 */
export class RecordFramer {
  readonly #delimiter: number;
  readonly #lineEnd: number;
  readonly #maxBytes: number;
  readonly #hasQuotes: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #lineNumber: number;
  #overlong: Buffer | null = null;
  /** One past the next quote of the text at hand, so that lines without quotes need not look for one each. */
  #nextQuote = 0;

  constructor(options: { delimiter: string | null; lineEnd: number; maxBytes: number; lineNumber: number }) {
    this.#hasQuotes = options.delimiter !== null;
    this.#delimiter = options.delimiter?.charCodeAt(0) ?? 0;
    this.#lineEnd = options.lineEnd;
    this.#maxBytes = options.maxBytes;
    this.#lineNumber = options.lineNumber;
  }

  /** The line on which the next record begins. */
  get lineNumber(): number {
    return this.#lineNumber;
  }

  /** The beginning of the record whose end has not come yet. */
  get unfinished(): Buffer {
    return this.#overlong ?? this.#rest;
  }

  /** The records that are complete after another piece; `isLast` also gives the one that no line end closes. */
  push(chunk: Buffer, isLast: boolean): Framed {
    const text = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const frames: Frame[] = [];
    this.#nextQuote = this.#hasQuotes ? 0 : Infinity;
    let start = 0;
    if (this.#overlong) {
      const end = text.indexOf(this.#lineEnd);
      if (end < 0 && !isLast) return { text, frames, consumed: 0, dropped: text };
      frames.push(this.#frame(0, 0, "LINE_TOO_LONG", this.#overlong));
      this.#overlong = null;
      this.#lineNumber++;
      start = end < 0 ? text.length : end + 1;
    }
    while (start < text.length) {
      const found = this.#findEnd(text, start);
      if (found >= 0 && found - start <= this.#maxBytes) {
        start = this.#take(frames, text, start, found, null);
        continue;
      }
      const isOver = (found >= 0 ? found : text.length) - start > this.#maxBytes;
      if (!isOver && !isLast && found !== BAD) break;
      const lineEnd = text.indexOf(this.#lineEnd, start);
      const end = lineEnd < 0 ? text.length : lineEnd;
      const isLineOver = end - start > this.#maxBytes;
      if (lineEnd < 0 && !isLast) {
        if (!isLineOver) break;
        this.#overlong = Buffer.from(text.subarray(start, start + OVERLONG_RAW_BYTES));
        this.#rest = Buffer.alloc(0);
        return { text, frames, consumed: start, dropped: text.subarray(start) };
      }
      if (isLineOver) start = this.#take(frames, text, start, end, "LINE_TOO_LONG");
      else if (found === MORE) start = this.#take(frames, text, start, text.length, null);
      else start = this.#take(frames, text, start, end, found === BAD ? "BAD_QUOTE" : "UNCLOSED_QUOTE");
    }
    // A copy: a view would keep the whole piece alive.
    this.#rest = Buffer.from(text.subarray(start));
    return { text, frames, consumed: start, dropped: null };
  }

  #frame(start: number, end: number, problem: Frame["problem"], raw: Buffer | null): Frame {
    return { start, end, lineNumber: this.#lineNumber, problem, raw };
  }

  #take(frames: Frame[], text: Buffer, start: number, end: number, problem: Frame["problem"]): number {
    const stop = this.#lineEnd === 10 && end > start && text[end - 1] === 13 ? end - 1 : end;
    frames.push(this.#frame(start, stop, problem, null));
    this.#lineNumber++;
    for (let at = text.indexOf(this.#lineEnd, start); at >= 0 && at < end; at = text.indexOf(this.#lineEnd, at + 1)) {
      this.#lineNumber++;
    }
    return Math.min(end + 1, text.length);
  }

  /** Where the record from `start` ends; or MORE text is needed, or a quoted field is OPEN, or its quotes are BAD. */
  #findEnd(text: Buffer, start: number): number {
    const lineEnd = text.indexOf(this.#lineEnd, start);
    if (this.#nextQuote <= start) this.#nextQuote = text.indexOf(QUOTE, start) + 1 || Infinity;
    if (lineEnd < 0 ? this.#nextQuote === Infinity : this.#nextQuote > lineEnd) return lineEnd;
    for (let at = start; at < text.length;) {
      // At the beginning of a field.
      if (text[at] === QUOTE) {
        for (at = text.indexOf(QUOTE, at + 1); at >= 0 && text[at + 1] === QUOTE; at = text.indexOf(QUOTE, at + 2));
        if (at < 0) return OPEN;
        at++;
        if (at >= text.length) return MORE;
        if (text[at] === 13 && this.#lineEnd === 10) {
          if (at + 1 >= text.length) return MORE;
          if (text[at + 1] === 10) at++;
        }
        if (text[at] === this.#lineEnd) return at;
        if (text[at] !== this.#delimiter) return BAD;
        at++;
        continue;
      }
      while (at < text.length && text[at] !== this.#delimiter && text[at] !== this.#lineEnd) at++;
      if (text[at] === this.#lineEnd) return at;
      at++;
    }
    return MORE;
  }
}
