import { ImportFileError } from "./import-file-error.ts";
import type { ImportDelimiter, ImportFileOptions, ImportFormat } from "./import-file-options.ts";
import { IMPORT_DELIMITERS } from "./import-file-options.ts";

/** What the beginning of a text shows: how it is cut into records and fields. */
export interface Sniffed {
  readonly format: Exclude<ImportFormat, "auto">;
  readonly delimiter: ImportDelimiter | null;
  /** The byte that ends a line: LF (also of CRLF), or CR where there is no LF. */
  readonly lineEnd: 10 | 13;
}

/** Signatures of files that are no lists, with what they are called. */
const SIGNATURES: readonly (readonly [Buffer, string])[] = [
  [Buffer.from("PK\x03\x04"), "a ZIP archive or an Excel workbook (.xlsx); save the sheet as CSV"],
  [Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), "an old Excel workbook (.xls); save the sheet as CSV"],
  [Buffer.from("%PDF"), "a PDF document"],
  [Buffer.from([0x89, 0x50, 0x4e, 0x47]), "a PNG image"],
  [Buffer.from([0xff, 0xd8, 0xff]), "a JPEG image"],
  [Buffer.from("GIF8"), "a GIF image"],
  [Buffer.from("SQLite format 3"), "an SQLite database"],
  [Buffer.from("PAR1"), "a Parquet file"],
  [Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), "a zstd archive; compress with gzip instead"],
  [Buffer.from("BZh"), "a bzip2 archive; compress with gzip instead"],
  [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), "an xz archive; compress with gzip instead"],
];

/** Refuses bytes that begin like a file of another kind; looked at before the encoding, which would blame the wrong thing. */
export function refuseOtherKinds(head: Buffer): void {
  const match = SIGNATURES.find(([signature]) => head.subarray(0, signature.length).equals(signature));
  if (match) {
    throw new ImportFileError(
      "NOT_A_LIST",
      `The file is ${match[1]}. Send CSV, TSV or JSON Lines, plain or compressed by gzip.`,
    );
  }
}

/** Finds format, delimiter and line end from the first part of the text and the hints of the options. */
export function sniff(head: Buffer, options: ImportFileOptions): Sniffed {
  const text = head.toString("utf8").trimStart();
  if (/^<(!doctype|html|\?xml)/i.test(text)) {
    throw new ImportFileError(
      "NOT_A_LIST",
      "The file is an HTML or XML document, perhaps a saved error page. Send CSV, TSV or JSON Lines.",
    );
  }
  const lineEnd = head.includes(10) || !head.includes(13) ? 10 : 13;
  const format = options.format && options.format !== "auto" ? options.format : guessFormat(text, options);
  if (format === "jsonl") return { format, delimiter: null, lineEnd };
  if (text.startsWith("[") && /^\[\s*[{[]/.test(text)) {
    throw new ImportFileError("NOT_A_LIST", "The file is a JSON array. Send JSON Lines instead: one object a line.");
  }
  const wanted = options.delimiter && options.delimiter !== "auto" ? options.delimiter : undefined;
  const delimiter = wanted ?? (format === "tsv" ? "\t" : guessDelimiter(text));
  return { format: delimiter === "\t" && format === "csv" && !wanted ? "tsv" : format, delimiter, lineEnd };
}

function guessFormat(text: string, { fileName = "", contentType = "" }: ImportFileOptions): "csv" | "tsv" | "jsonl" {
  if (/^\{\s*("|\})/.test(text)) return "jsonl";
  if (/\.(jsonl|ndjson)(\.gz)?$/i.test(fileName) || /ndjson|jsonl|json-lines/i.test(contentType)) return "jsonl";
  if (/\.(tsv|tab)(\.gz)?$/i.test(fileName) || /tab-separated/i.test(contentType)) return "tsv";
  return "csv";
}

/** The delimiter that cuts the first lines into the same number of fields, the more the better. */
function guessDelimiter(text: string): ImportDelimiter {
  const lines = text
    .replaceAll(/"(?:[^"]|"")*"/g, "q")
    .split(/\r\n|\n|\r/)
    .filter((line) => line !== "")
    .slice(0, 20);
  let best: ImportDelimiter = ",";
  let bestScore = 0;
  for (const delimiter of IMPORT_DELIMITERS) {
    const counts = lines.map((line) => line.split(delimiter).length - 1);
    const first = counts[0] ?? 0;
    const score = first * counts.filter((count) => count === first).length;
    if (score > bestScore) [best, bestScore] = [delimiter, score];
  }
  return best;
}
