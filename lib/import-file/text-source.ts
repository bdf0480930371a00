import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import iconv from "iconv-lite";
import { ImportFileError } from "./import-file-error.ts";
import type { ImportEncoding, ImportFileLimits } from "./import-file-options.ts";

/** How much of the text is looked at before anything is decided, in bytes. */
export const HEAD_BYTES = 64 * 1024;

/** A file as UTF-8 text without byte order mark, in chunks; `isTruncated` is known once the chunks are at their end. */
export interface TextSource {
  readonly chunks: AsyncIterator<Buffer>;
  readonly encoding: Exclude<ImportEncoding, "auto">;
  readonly isGzip: boolean;
  /** Bytes received so far, as sent. */
  readonly bytesRead: () => number;
  /** Whether a compressed file ended before its end mark. */
  readonly isTruncated: () => boolean;
}

/** Opens a file: undoes gzip, finds the encoding, and gives the text as UTF-8. */
export async function openTextSource(
  source: AsyncIterable<Uint8Array>,
  wanted: ImportEncoding,
  limits: ImportFileLimits,
): Promise<TextSource> {
  let bytesRead = 0;
  let truncated = false;
  const received = counted(source, (bytes) => (bytesRead += bytes));
  const [start, whole] = await peek(received, 2);
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  const plain = isGzip
    ? gunzip(
        whole,
        limits,
        () => bytesRead,
        () => (truncated = true),
      )
    : whole;
  const [head, bytes] = await peek(plain, HEAD_BYTES);
  const { encoding, markBytes } = findEncoding(head, wanted);
  const text = encoding === "utf-8" ? skip(bytes, markBytes) : decode(skip(bytes, markBytes), encoding);
  return { chunks: text, encoding, isGzip, bytesRead: () => bytesRead, isTruncated: () => truncated };
}

/** Reads at least so many bytes ahead, or all there are; the second part gives them again, and the rest. */
export async function peek(
  source: AsyncIterable<Uint8Array> | AsyncIterator<Buffer>,
  bytes: number,
): Promise<[Buffer, AsyncGenerator<Buffer>]> {
  const iterator = (
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source
  ) as AsyncIterator<Uint8Array>;
  let head = Buffer.alloc(0);
  while (head.length < bytes) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    if (head.length) yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield toBuffer(next.value);
  }
  return [head, all()];
}

async function* counted(source: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    count(chunk.byteLength);
    yield toBuffer(chunk);
  }
}

async function* gunzip(
  source: AsyncIterable<Buffer>,
  limits: ImportFileLimits,
  sent: () => number,
  onTruncated: () => void,
): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize: 256 * 1024 });
  const input = Readable.from(source);
  input.on("error", (error) => stream.destroy(error));
  input.pipe(stream);
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limits.maxDecompressedBytes) {
        throw new ImportFileError(
          "DECOMPRESSION_LIMIT",
          `The file is larger than ${limits.maxDecompressedBytes} bytes once decompressed. Split it.`,
          { limit: limits.maxDecompressedBytes },
        );
      }
      if (size > 16 * 1024 * 1024 && size > sent() * limits.maxCompressionRatio) {
        throw new ImportFileError(
          "DECOMPRESSION_LIMIT",
          `The file grows by more than ${limits.maxCompressionRatio} times when decompressed. Send it uncompressed.`,
          { limit: limits.maxCompressionRatio },
        );
      }
      yield chunk;
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "Z_BUF_ERROR") return onTruncated();
    if (code === "Z_DATA_ERROR") {
      throw new ImportFileError(
        "NOT_A_LIST",
        "The file begins as gzip but its compressed data is damaged. Compress it again.",
      );
    }
    throw error;
  }
}

function findEncoding(
  head: Buffer,
  wanted: ImportEncoding,
): { encoding: Exclude<ImportEncoding, "auto">; markBytes: number } {
  const mark = byteOrderMark(head);
  if (wanted !== "auto") {
    if (wanted === "utf-8") requireUtf8(head.subarray(mark?.encoding === "utf-8" ? 3 : 0));
    return { encoding: wanted, markBytes: mark?.encoding === wanted ? mark.markBytes : 0 };
  }
  if (mark) {
    if (mark.encoding === "utf-8") requireUtf8(head.subarray(3));
    return mark;
  }
  const pattern = utf16Pattern(head);
  if (pattern) return { encoding: pattern, markBytes: 0 };
  requireUtf8(head);
  return { encoding: "utf-8", markBytes: 0 };
}

function byteOrderMark(head: Buffer): { encoding: "utf-8" | "utf-16le" | "utf-16be"; markBytes: number } | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { encoding: "utf-8", markBytes: 3 };
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: "utf-16le", markBytes: 2 };
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: "utf-16be", markBytes: 2 };
  return undefined;
}

/** Latin text in UTF-16 has a zero in every other byte, and nearly none in the others. */
function utf16Pattern(head: Buffer): "utf-16le" | "utf-16be" | undefined {
  const zeros = [0, 0];
  const length = Math.min(head.length, 4096) & ~1;
  for (let i = 0; i < length; i++) if (head[i] === 0) zeros[i & 1]!++;
  if (length < 4) return undefined;
  if (zeros[1]! > length / 3 && zeros[0]! < length / 20) return "utf-16le";
  if (zeros[0]! > length / 3 && zeros[1]! < length / 20) return "utf-16be";
  return undefined;
}

function requireUtf8(head: Buffer): void {
  // The head may end inside a character: its last three bytes prove nothing.
  for (let cut = 0; cut <= Math.min(3, head.length); cut++) if (isUtf8(head.subarray(0, head.length - cut))) return;
  let low = 0;
  while (low < head.length && isUtf8(head.subarray(0, head.indexOf(10, low) + 1 || head.length))) {
    const next = head.indexOf(10, low) + 1;
    if (next === 0) break;
    low = next;
  }
  const line = head.subarray(0, low).reduce((lines, byte) => (byte === 10 ? lines + 1 : lines), 1);
  throw new ImportFileError(
    "WRONG_ENCODING",
    `Line ${line} is not UTF-8. Save the file as UTF-8, or name its encoding when the import is started, such as windows-1252.`,
    { lineNumber: line },
  );
}

async function* skip(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of source) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

async function* decode(source: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<Buffer> {
  const decoder = iconv.getDecoder(encoding, { stripBOM: true });
  for await (const chunk of source) yield Buffer.from(decoder.write(chunk));
  const rest = decoder.end();
  if (rest) yield Buffer.from(rest);
}

const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
