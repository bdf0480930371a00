import { parse } from "csv-parse/sync";

/**
 * The fields of whole records, their line ends cut off, by csv-parse. Quotes inside a field that does not begin with one
 * are characters like any other; null for a record whose quotes do not fit, which spoils only itself.
 */
export function readCsvRecords(records: readonly string[], delimiter: string): (string[] | null)[] {
  const quoted = records.filter((record) => record.includes('"'));
  const parsed = quoted.length > 0 ? parseTogether(quoted, delimiter) : [];
  if (quoted.length === records.length) return parsed;
  let next = 0;
  // Without a quote there is nothing to parse.
  return records.map((record) => (record.includes('"') ? parsed[next++]! : record.split(delimiter)));
}

function parseTogether(records: readonly string[], delimiter: string): (string[] | null)[] {
  const together = parseMany(records, delimiter);
  if (together?.length === records.length) return together;
  return records.map((record) => {
    const alone = parseMany([record], delimiter);
    return alone?.length === 1 ? alone[0]! : null;
  });
}

function parseMany(records: readonly string[], delimiter: string): string[][] | null {
  try {
    // NUL ends a record here, because no accepted line holds one; line ends inside fields then mean nothing.
    return parse(records.join("\0"), {
      delimiter,
      record_delimiter: "\0",
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: false,
    });
  } catch {
    return null;
  }
}
