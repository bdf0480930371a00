import { type ByteChunks, peek, pull, skip } from "./byte-chunks.ts";
import { gunzip, isGzip } from "./gunzip.ts";
import type { ImportEncoding, ImportFileLimits } from "./import-file-options.ts";
import { refuseOtherKinds } from "./refuse-other-kinds.ts";
import { findEncoding, toUtf8 } from "./text-encoding.ts";

/** How much of the text is looked at before anything is decided, in bytes. */
export const HEAD_BYTES = 64 * 1024;

/** A file as UTF-8 text without byte order mark. */
export interface TextSource {
  /** The first HEAD_BYTES or somewhat more, or all there is. */
  readonly head: Buffer;
  /** Whether `head` is all of the text. */
  readonly isWhole: boolean;
  /** The text from its beginning. */
  readonly chunks: ByteChunks;
  readonly encoding: Exclude<ImportEncoding, "auto">;
  readonly isGzip: boolean;
  /** Bytes received so far, as sent. */
  readonly bytesRead: () => number;
  /** Whether a compressed file ended before its end mark; known once the chunks are at their end. */
  readonly isTruncated: () => boolean;
}

/** Opens a file: undoes gzip, finds the encoding, and gives the text as UTF-8. Throws ImportFileError for what is no text. */
export async function openTextSource(
  source: AsyncIterable<Uint8Array>,
  wanted: ImportEncoding,
  limits: ImportFileLimits,
): Promise<TextSource> {
  let bytesRead = 0;
  let isTruncated = false;
  const received = await peek(
    pull(source, (bytes) => (bytesRead += bytes)),
    16,
  );
  const isCompressed = isGzip(received.head);
  const plain = await peek(
    isCompressed ? gunzip(received.all, limits, () => (isTruncated = true)) : received.all,
    HEAD_BYTES,
  );
  refuseOtherKinds(plain.head);
  const { encoding, markBytes } = findEncoding(plain.head, plain.isWhole && !isTruncated, wanted);
  const text = await peek(toUtf8(skip(plain.all, markBytes), encoding), HEAD_BYTES);
  // In UTF-16 a page or a JSON array shows only once it is decoded.
  refuseOtherKinds(text.head);
  return {
    head: text.head,
    isWhole: text.isWhole,
    chunks: text.all,
    encoding,
    isGzip: isCompressed,
    bytesRead: () => bytesRead,
    isTruncated: () => isTruncated,
  };
}
