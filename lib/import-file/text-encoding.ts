import { isUtf8 } from "node:buffer";
import iconv from "iconv-lite";
import type { ByteChunks } from "./byte-chunks.ts";
import { ImportFileError } from "./import-file-error.ts";
import type { ImportEncoding } from "./import-file-options.ts";

/** An encoding, and the bytes of its mark at the beginning. */
export interface FoundEncoding {
  readonly encoding: Exclude<ImportEncoding, "auto">;
  readonly markBytes: number;
}

/** A byte that no UTF-8 holds: stands for what could not be decoded, so that its line is rejected. */
const UNDECODABLE = Buffer.from([0xff]);

/**
 * The encoding of a file by its mark, its pattern or the one that was named. Throws WRONG_ENCODING, with line and byte,
 * when the beginning (all of the file when `isWhole`) is not text of it, and NOT_A_LIST when it is no text at all.
 */
export function findEncoding(head: Buffer, isWhole: boolean, wanted: ImportEncoding): FoundEncoding {
  const mark = byteOrderMark(head);
  if (mark && wanted !== "auto" && wanted !== mark.encoding) {
    throw new ImportFileError(
      "WRONG_ENCODING",
      `The file begins with the mark of ${mark.encoding}, but the import names ${wanted}. Name ${mark.encoding}, or auto.`,
      { encoding: mark.encoding },
    );
  }
  const found = mark ?? {
    encoding: wanted === "auto" ? (utf16Pattern(head) ?? "utf-8") : wanted,
    markBytes: 0,
  };
  if (!found.encoding.startsWith("utf-16")) refuseBinary(head);
  if (found.encoding === "utf-8") requireUtf8(head.subarray(found.markBytes), isWhole);
  return found;
}

/** The text as UTF-8; what is undecodable becomes a byte that makes its line invalid. */
export async function* toUtf8(chunks: ByteChunks, encoding: FoundEncoding["encoding"]): ByteChunks {
  if (encoding === "utf-8") return yield* chunks;
  const isUtf16 = encoding.startsWith("utf-16");
  const unpaired = isUtf16 ? /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g : /\ufffd/g;
  const decoder = iconv.getDecoder(encoding, { stripBOM: false });
  let held = "";
  const encode = (text: string): Buffer => {
    if (isUtf16 ? text.isWellFormed() : !text.includes("\ufffd")) return Buffer.from(text);
    const parts = text.split(unpaired).flatMap((part) => [UNDECODABLE, Buffer.from(part)]);
    return Buffer.concat(parts.slice(1));
  };
  for await (const chunk of chunks) {
    let text = held + decoder.write(chunk);
    // The first half of a pair waits for the second.
    held = /[\ud800-\udbff]$/.exec(text)?.[0] ?? "";
    if (held) text = text.slice(0, -1);
    if (text) yield encode(text);
  }
  const rest = held + (decoder.end() ?? "");
  if (rest) yield encode(rest);
}

function byteOrderMark(head: Buffer): FoundEncoding | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { encoding: "utf-8", markBytes: 3 };
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: "utf-16le", markBytes: 2 };
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: "utf-16be", markBytes: 2 };
  return undefined;
}

/** Read in the right order of bytes, a list has many ASCII characters and no controls; in the wrong one nearly none. */
function utf16Pattern(head: Buffer): "utf-16le" | "utf-16be" | undefined {
  const sample = Buffer.from(head.subarray(0, Math.min(head.length, 4096) & ~1));
  const isText = (text: string): boolean =>
    !/[\0-\x08\x0e-\x1f]/.test(text) && text.replaceAll(/[^\t-~]/g, "").length > text.length * 0.15;
  if (sample.length < 4 || !sample.includes(0)) return undefined;
  if (isText(sample.toString("utf16le"))) return "utf-16le";
  return isText(sample.swap16().toString("utf16le")) ? "utf-16be" : undefined;
}

function refuseBinary(head: Buffer): void {
  let controls = 0;
  for (const byte of head) if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27)) controls++;
  if (controls < 16 || controls < head.length / 20) return;
  throw new ImportFileError(
    "NOT_A_LIST",
    "The file is binary data, not text. Send CSV, TSV or JSON Lines, plain or compressed by gzip.",
  );
}

function requireUtf8(head: Buffer, isWhole: boolean): void {
  if (isUtf8(head)) return;
  // A head that goes on may end inside a character.
  for (let cut = 1; cut <= 3 && !isWhole; cut++) {
    if ((head[head.length - cut] ?? 0) >= 0xc0 && isUtf8(head.subarray(0, -cut))) return;
  }
  const at = firstInvalid(head);
  const line = head.subarray(0, at).reduce((lines, byte) => (byte === 10 ? lines + 1 : lines), 1);
  throw new ImportFileError(
    "WRONG_ENCODING",
    `Line ${line} is not UTF-8 (byte ${at + 1} of the text). Save the file as UTF-8, or name its encoding when the import is started, such as windows-1252.`,
    { lineNumber: line, byte: at + 1 },
  );
}

/** Where the first byte stands that is not UTF-8. */
function firstInvalid(bytes: Buffer): number {
  let at = 0;
  for (const char of bytes.toString("utf8")) {
    if (char === "\ufffd" && !bytes.subarray(at, at + 3).equals(Buffer.from(char))) return at;
    at += Buffer.byteLength(char);
  }
  return at;
}
