import { parse } from "csv-parse/sync";
import type { Frame } from "./record-framer.ts";

/** The fields of a record, or null where its quotes do not fit. */
export type Fields = string[] | null;

/** Reads the fields of complete records by csv-parse; a record with misplaced quotes spoils only itself. */
export function readCsvRecords(frames: readonly Frame[], delimiter: string): Fields[] {
  const text = frames.map((frame) => frame.bytes.toString("utf8"));
  // Without a quote there is nothing to parse; most files have none.
  if (!text.some((record) => record.includes('"'))) return text.map((record) => record.split(delimiter));
  const together = readMany(text, delimiter);
  return together?.length === text.length ? together : text.map((record) => readOne(record, delimiter));
}

function readOne(record: string, delimiter: string): Fields {
  if (!record.includes('"')) return record.split(delimiter);
  const records = readMany([record], delimiter);
  return records?.length === 1 ? records[0]! : null;
}

function readMany(records: readonly string[], delimiter: string): string[][] | null {
  try {
    // NUL ends a record here, because no accepted line holds one; line ends inside fields then mean nothing.
    return parse(records.join("\u0000"), {
      delimiter,
      record_delimiter: "\u0000",
      relax_column_count: true,
      // An inch mark inside a field is a character like any other.
      relax_quotes: true,
      skip_empty_lines: false,
    });
  } catch {
    return null;
  }
}
