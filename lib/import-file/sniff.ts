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

/** Finds format, delimiter and line end from the first part of the text and the hints of the options. */
export function sniff(head: Buffer, isWhole: boolean, options: ImportFileOptions): Sniffed {
  const text = head.toString("utf8").trimStart();
  const lineEnd = head.includes(10) || !head.includes(13) ? 10 : 13;
  const format = options.format && options.format !== "auto" ? options.format : guessFormat(text, options);
  if (format === "jsonl") {
    refuseSpreadJson(text, isWhole, lineEnd);
    return { format, delimiter: null, lineEnd };
  }
  const wanted = options.delimiter && options.delimiter !== "auto" ? options.delimiter : undefined;
  const delimiter = wanted ?? (format === "tsv" ? "\t" : guessDelimiter(text));
  return { format: delimiter === "\t" && !wanted ? "tsv" : format, delimiter, lineEnd };
}

function guessFormat(text: string, { fileName = "", contentType = "" }: ImportFileOptions): "csv" | "tsv" | "jsonl" {
  if (/^\{\s*("|\})/.test(text)) return "jsonl";
  if (/\.(jsonl|ndjson)(\.gz)?$/i.test(fileName) || /ndjson|jsonl|json-lines/i.test(contentType)) return "jsonl";
  if (/\.(tsv|tab)(\.gz)?$/i.test(fileName) || /tab-separated/i.test(contentType)) return "tsv";
  return "csv";
}

/** A JSON document over several lines would give one reject a line, and no word of what is wrong. */
function refuseSpreadJson(text: string, isWhole: boolean, lineEnd: number): void {
  const lines = text.split(lineEnd === 10 ? "\n" : "\r");
  if (!isWhole) lines.pop();
  if (lines.length === 0 || lines.some((line) => isObject(line))) return;
  throw new ImportFileError(
    "NOT_A_LIST",
    "No line of the file's beginning is a JSON object. Write JSON Lines: one whole object a line.",
  );
}

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === "object" && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** The delimiter that cuts the most of the first lines as it cuts the first one, the more fields the better. */
function guessDelimiter(text: string): ImportDelimiter {
  const lines = text
    .slice(0, 16_384)
    .replaceAll(/"(?:[^"]|"")*"/g, "q")
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== "")
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
