import { isUtf8 } from "node:buffer";
import { readCsvRecords } from "./csv-records.ts";
import { looksLikeData, nameColumns } from "./header-mapping.ts";
import { ImportFileError } from "./import-file-error.ts";
import type { ImportFileLimits, ImportFileOptions } from "./import-file-options.ts";
import { type Frame, type Framed, RecordFramer } from "./record-framer.ts";
import type { Sniffed } from "./sniff.ts";

/** The columns of a file and where its rows begin. */
export interface Layout {
  readonly headers: string[];
  /** Bytes and lines of the header, with blank lines before it; 0 where there is none. */
  readonly headerBytes: number;
  readonly headerLines: number;
}

/** Reads the names of the columns from the beginning of the text, which is all of it when `isWhole`. */
export function readHeader(
  head: Buffer,
  isWhole: boolean,
  sniffed: Sniffed,
  options: ImportFileOptions,
  limits: ImportFileLimits,
): Layout {
  const { delimiter, lineEnd } = sniffed;
  const framer = new RecordFramer({ delimiter, lineEnd, maxBytes: limits.maxLineBytes, lineNumber: 1 });
  const framed = framer.push(head, isWhole);
  if (delimiter === null) return { headers: jsonKeys(framed, limits), headerBytes: 0, headerLines: 0 };
  const hasHeader = options.hasHeader !== false;
  const filled = framed.frames.filter((frame) => frame.problem || textOf(framed, frame).trim() !== "");
  const first = hasHeader ? filled[0] : filled.find((frame) => isReadable(framed, frame));
  if (!first || !isReadable(framed, first)) {
    throw new ImportFileError(
      "HEADER_UNREADABLE",
      `The first line cannot be read: it is longer than ${head.length - 1} bytes, its quotes do not fit, or it holds bytes that are no text.`,
    );
  }
  const cells = readCsvRecords([textOf(framed, first)], delimiter)[0] ?? [];
  if (cells.length > limits.maxColumns) {
    throw new ImportFileError(
      "TOO_MANY_COLUMNS",
      `The file has ${cells.length} columns; at most ${limits.maxColumns} are taken.`,
      { limit: limits.maxColumns, count: cells.length },
    );
  }
  if (!hasHeader) return { headers: cells.map((_, i) => `column_${i + 1}`), headerBytes: 0, headerLines: 0 };
  const headers = nameColumns(cells);
  const isNamed = Object.keys(options.mapping ?? {}).some((name) => headers.includes(name));
  if (!isNamed && looksLikeData(cells)) {
    const shown = cells.slice(0, 5).join(", ").slice(0, 200);
    throw new ImportFileError(
      "HEADER_MISSING",
      `The first line looks like data, not like the names of columns: ${shown}. Add a header, or start the import with hasHeader: false.`,
    );
  }
  const next = framed.frames[framed.frames.indexOf(first) + 1];
  return {
    headers,
    headerBytes: next?.start ?? framed.consumed,
    headerLines: (next?.lineNumber ?? framer.lineNumber) - 1,
  };
}

const textOf = ({ text }: Framed, frame: Frame): string => text.toString("utf8", frame.start, frame.end);

function isReadable({ text }: Framed, frame: Frame): boolean {
  const bytes = text.subarray(frame.start, frame.end);
  return !frame.problem && !bytes.includes(0) && isUtf8(bytes);
}

function jsonKeys(framed: Framed, limits: ImportFileLimits): string[] {
  const keys = new Set<string>();
  for (const frame of framed.frames) {
    try {
      const value: unknown = JSON.parse(textOf(framed, frame));
      if (value === null || typeof value !== "object" || Array.isArray(value)) continue;
      for (const key of Object.keys(value)) if (keys.size < limits.maxColumns) keys.add(key);
    } catch {
      // A line that cannot be read is rejected when its turn comes.
    }
  }
  return [...keys];
}
