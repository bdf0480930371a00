const QUOTE = 0x22;

/** A record cut out of the text, without its line end. */
export interface Frame {
  readonly bytes: Buffer;
  /** Line on which it begins, from 1. */
  readonly lineNumber: number;
  readonly problem: "LINE_TOO_LONG" | "UNCLOSED_QUOTE" | null;
}

/**
 * Cuts text into records: at line ends, except inside quoted fields. A record over the limit is given up: reading goes
 * on at the line after the one it began on, so that one unclosed quote does not swallow the file.
 */
export class RecordFramer {
  readonly #delimiter: number;
  readonly #lineEnd: number;
  readonly #maxBytes: number;
  readonly #quotes: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #lineNumber: number;
  /** Bytes of frames given out, line ends included. */
  #bytes = 0;
  /** Inside an overlong line: everything up to its end is passed over. */
  #isSkipping = false;

  constructor(options: { delimiter: string | null; lineEnd: number; maxBytes: number; lineNumber: number }) {
    this.#quotes = options.delimiter !== null;
    this.#delimiter = options.delimiter?.charCodeAt(0) ?? 0;
    this.#lineEnd = options.lineEnd;
    this.#maxBytes = options.maxBytes;
    this.#lineNumber = options.lineNumber;
  }

  /** The line on which the next record begins. */
  get lineNumber(): number {
    return this.#lineNumber;
  }

  /** Bytes of text consumed by the frames given so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The complete records after another piece of text, and the text they and their line ends stood in; `isLast` also
   * gives the record that no line end closes.
   */
  push(chunk: Buffer, isLast: boolean): { frames: Frame[]; consumed: Buffer } {
    const text = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    const frames: Frame[] = [];
    let start = 0;
    if (this.#isSkipping) {
      const end = text.indexOf(this.#lineEnd);
      if (end < 0 && !isLast) {
        this.#bytes += text.length;
        this.#rest = Buffer.alloc(0);
        return { frames, consumed: text };
      }
      start = end < 0 ? text.length : end + 1;
      this.#bytes += start;
      this.#lineNumber++;
      this.#isSkipping = false;
    }
    while (start < text.length) {
      const [end, isQuoteOpen] = this.#findEnd(text, start);
      if (end >= 0 && end - start <= this.#maxBytes) {
        start = this.#take(frames, text, start, end, null);
        continue;
      }
      const isTooLong = (end < 0 ? text.length : end) - start > this.#maxBytes;
      if (!isTooLong && !isLast) break;
      // Too long, or the last record without an end.
      const lineEnd = text.indexOf(this.#lineEnd, start);
      if (!isTooLong && !isQuoteOpen) {
        start = this.#take(frames, text, start, text.length, null);
      } else if (lineEnd >= 0 && lineEnd - start <= this.#maxBytes) {
        // A quote that nothing closes: its line is rejected, and the lines after it are read for themselves.
        start = this.#take(frames, text, start, lineEnd, "UNCLOSED_QUOTE");
      } else if (!isTooLong) {
        start = this.#take(frames, text, start, text.length, "UNCLOSED_QUOTE");
      } else if (lineEnd >= 0) {
        start = this.#take(frames, text, start, lineEnd, "LINE_TOO_LONG");
      } else {
        frames.push({
          bytes: text.subarray(start, start + 4096),
          lineNumber: this.#lineNumber,
          problem: "LINE_TOO_LONG",
        });
        this.#bytes += text.length - start;
        this.#isSkipping = !isLast;
        start = text.length;
      }
    }
    // A copy: a view would keep the whole piece alive.
    this.#rest = Buffer.from(text.subarray(start));
    return { frames, consumed: text.subarray(0, start) };
  }

  #take(frames: Frame[], text: Buffer, start: number, end: number, problem: Frame["problem"]): number {
    const stop = end > start && text[end - 1] === 13 && this.#lineEnd === 10 ? end - 1 : end;
    frames.push({ bytes: text.subarray(start, stop), lineNumber: this.#lineNumber, problem });
    const next = Math.min(end + 1, text.length);
    for (let at = start; at >= 0 && at < next;) {
      at = text.indexOf(this.#lineEnd, at);
      if (at < 0 || at >= next) break;
      this.#lineNumber++;
      at++;
    }
    this.#bytes += next - start;
    return next;
  }

  /** Where the record from `start` ends, or -1; and whether a quoted field is open at the end of the text. */
  #findEnd(text: Buffer, start: number): [number, boolean] {
    const lineEnd = text.indexOf(this.#lineEnd, start);
    if (!this.#quotes) return [lineEnd, false];
    const quote = text.indexOf(QUOTE, start);
    if (quote < 0 || (lineEnd >= 0 && quote > lineEnd)) return [lineEnd, false];
    let isFieldStart = quote === start || text[quote - 1] === this.#delimiter;
    for (let at = quote; at < text.length; at++) {
      const byte = text[at]!;
      if (byte === QUOTE && isFieldStart) {
        for (at++; ; at++) {
          at = text.indexOf(QUOTE, at);
          if (at < 0) return [-1, true];
          if (text[at + 1] !== QUOTE) break;
          at++;
        }
        // A quote at the very end may be the first half of an escaped one.
        if (at === text.length - 1) return [-1, false];
        isFieldStart = false;
      } else if (byte === this.#lineEnd) return [at, false];
      else isFieldStart = byte === this.#delimiter;
    }
    return [-1, false];
  }
}
