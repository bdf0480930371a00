import { readCsvRecords } from "./csv-records.ts";
import { looksLikeData, nameColumns } from "./header-mapping.ts";
import { ImportFileError } from "./import-file-error.ts";
import type { ImportFileLimits, ImportFileOptions } from "./import-file-options.ts";
import { RecordFramer } from "./record-framer.ts";
import type { Sniffed } from "./sniff.ts";
import { HEAD_BYTES } from "./text-source.ts";

/** The columns of a file and where its rows begin. */
export interface Layout {
  readonly headers: string[];
  /** Bytes and lines of the header. */
  readonly headerBytes: number;
  readonly headerLines: number;
}

/** Reads the names of the columns from the first part of the text. */
export function readHeader(
  head: Buffer,
  sniffed: Sniffed,
  options: ImportFileOptions,
  limits: ImportFileLimits,
): Layout {
  const framer = new RecordFramer({
    delimiter: sniffed.delimiter,
    lineEnd: sniffed.lineEnd,
    maxBytes: limits.maxLineBytes,
    lineNumber: 1,
  });
  if (sniffed.delimiter === null)
    return {
      headers: jsonKeys(
        framer.push(head, true).frames.map((frame) => frame.bytes),
        limits,
      ),
      headerBytes: 0,
      headerLines: 0,
    };
  // Blank lines before the header belong to it.
  let headerBytes = 0;
  const { frames } = framer.push(head, true);
  for (const frame of frames) {
    if (frame.problem)
      throw new ImportFileError(
        "HEADER_UNREADABLE",
        `The first line cannot be read: it is too long, or a quote in it is never closed.`,
      );
    if (frame.bytes.toString("utf8").trim() === "") continue;
    if (frame.bytes.length >= HEAD_BYTES) {
      throw new ImportFileError(
        "HEADER_UNREADABLE",
        `The first line is longer than ${HEAD_BYTES} bytes: it is no header of a list.`,
      );
    }
    const cells = readCsvRecords([frame], sniffed.delimiter)[0];
    if (!cells || frame.bytes.includes(0)) {
      throw new ImportFileError(
        "NOT_A_LIST",
        "The first line is not a line of a list: it holds NUL bytes or broken quotes. Send CSV, TSV or JSON Lines.",
      );
    }
    if (cells.length > limits.maxColumns) {
      throw new ImportFileError(
        "TOO_MANY_COLUMNS",
        `The file has ${cells.length} columns; at most ${limits.maxColumns} are taken.`,
        { limit: limits.maxColumns, count: cells.length },
      );
    }
    if (options.hasHeader === false)
      return { headers: cells.map((_, i) => `column_${i + 1}`), headerBytes: 0, headerLines: 0 };
    if (looksLikeData(cells)) {
      throw new ImportFileError(
        "HEADER_MISSING",
        `The first line looks like data, not like the names of columns: ${cells.slice(0, 5).join(", ").slice(0, 200)}. Add a header, or start the import with hasHeader: false.`,
      );
    }
    const end = head.indexOf(frame.bytes) + frame.bytes.length;
    headerBytes = Math.min(head.length, end + (head[end] === 13 && head[end + 1] === 10 ? 2 : 1));
    return {
      headers: nameColumns(cells),
      headerBytes,
      headerLines: head.subarray(0, headerBytes).filter((byte) => byte === sniffed.lineEnd).length || 1,
    };
  }
  throw new ImportFileError("NOT_A_LIST", "The file holds no line that could be read.");
}

function jsonKeys(lines: readonly Buffer[], limits: ImportFileLimits): string[] {
  const keys = new Set<string>();
  for (const line of lines) {
    try {
      const value: unknown = JSON.parse(line.toString("utf8"));
      if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        for (const key of Object.keys(value)) if (keys.size < limits.maxColumns) keys.add(key);
      }
    } catch {
      // A line that cannot be read is rejected when its turn comes.
    }
  }
  return [...keys];
}
