import { ImportFileError } from "./import-file-error.ts";

/** How files that are no lists begin (bytes as Latin-1), and what they are. */
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^PK(\x03\x04|\x05\x06)/, "a ZIP archive or an Excel workbook (.xlsx); save the sheet as CSV"],
  [/^\xd0\xcf\x11\xe0/, "an old Excel workbook (.xls); save the sheet as CSV"],
  [/^%PDF-/, "a PDF document"],
  [/^\x89PNG/, "a PNG image"],
  [/^\xff\xd8\xff/, "a JPEG image"],
  [/^GIF8[79]a/, "a GIF image"],
  [/^SQLite format 3\0/, "an SQLite database"],
  [/^PAR1[\x00-\x08\x0e-\x1f]/, "a Parquet file"],
  [/^\x1f\x8b\x08/, "compressed twice; compress it once"],
  [/^\x28\xb5\x2f\xfd/, "a zstd archive; compress with gzip instead"],
  [/^BZh[1-9]1AY&SY/, "a bzip2 archive; compress with gzip instead"],
  [/^\xfd7zXZ\0/, "an xz archive; compress with gzip instead"],
  [/^7z\xbc\xaf\x27\x1c/, "a 7-Zip archive; compress with gzip instead"],
  [/^Rar!\x1a\x07/, "a RAR archive; compress with gzip instead"],
  [/^\x7fELF|^MZ[\s\S]{2}\0/, "a program"],
  [/^\{\\rtf/, "a rich text document"],
  [/^BEGIN:VCARD/i, "a vCard file; export the contacts as CSV"],
  [
    /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|script|\?xml|!--)/i,
    "an HTML or XML document, perhaps a saved error page",
  ],
  [/^(\xef\xbb\xbf)?\s*\[\s*[{[\]]/, "one JSON array; write JSON Lines instead, one object a line"],
];

/** Refuses bytes that begin like a file of another kind; looked at before the encoding, which would blame the wrong thing. */
export function refuseOtherKinds(head: Buffer): void {
  const beginning = head.toString("latin1", 0, 512);
  const kind = KINDS.find(([pattern]) => pattern.test(beginning));
  if (!kind) return;
  throw new ImportFileError(
    "NOT_A_LIST",
    `The file is ${kind[1]}. Send CSV, TSV or JSON Lines, plain or compressed by gzip.`,
  );
}
