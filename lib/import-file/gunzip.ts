import { createGunzip } from "node:zlib";
import type { ByteChunks } from "./byte-chunks.ts";
import { ImportFileError } from "./import-file-error.ts";
import type { ImportFileLimits } from "./import-file-options.ts";

/** What is given to zlib at once: it can grow a thousandfold, and is held until it is pulled. */
const INPUT_BYTES = 8 * 1024;
const RATIO_FREE_BYTES = 16 * 1024 * 1024;

/** Whether bytes begin as gzip does. */
export const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;

/**
 * Decompresses gzip within limits. All that came out before the data ends too early is given, then `onTruncated` is
 * called; damaged data and broken limits throw ImportFileError, after what came out before them.
 */
export async function* gunzip(chunks: ByteChunks, limits: ImportFileLimits, onTruncated: () => void): ByteChunks {
  const stream = createGunzip({ chunkSize: 64 * 1024 });
  const output: Buffer[] = [];
  let failure: NodeJS.ErrnoException | undefined;
  let isOver = false;
  let [sent, size] = [0, 0];
  stream.on("data", (chunk: Buffer) => {
    output.push(chunk);
    size += chunk.length;
  });
  stream.on("error", (error) => (failure ??= error));
  stream.on("end", () => (isOver = true));
  const settled = (begin: (done: (error?: Error | null) => void) => void) =>
    new Promise<void>((resolve) => {
      // Whichever comes first: no write is called back after the end of the archive, and end() before its error is known.
      stream.once("close", resolve);
      stream.once("end", resolve);
      begin((error) => {
        failure ??= error ?? undefined;
        stream.off("close", resolve).off("end", resolve);
        resolve();
      });
    });
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length && !failure && !isOver; at += INPUT_BYTES) {
        const input = chunk.subarray(at, at + INPUT_BYTES);
        await settled((done) => stream.write(input, done));
        sent += input.length;
        yield* output.splice(0);
        checkSize(size, sent, limits);
      }
      // What follows the end of the archive is padding; it is read to its end and dropped.
    }
    if (!failure && !isOver) await settled(() => stream.end());
    yield* output.splice(0);
  } finally {
    stream.destroy();
  }
  if (failure?.code === "Z_BUF_ERROR") onTruncated();
  else if (failure) {
    throw new ImportFileError(
      "NOT_A_LIST",
      `The file begins as gzip, but its compressed data is damaged at about byte ${sent}. Compress it again.`,
    );
  }
}

function checkSize(size: number, sent: number, limits: ImportFileLimits): void {
  if (size > limits.maxDecompressedBytes) {
    throw new ImportFileError(
      "DECOMPRESSION_LIMIT",
      `The file is larger than ${limits.maxDecompressedBytes} bytes once decompressed. Split it.`,
      { limit: limits.maxDecompressedBytes },
    );
  }
  if (size > RATIO_FREE_BYTES && size > sent * limits.maxCompressionRatio) {
    throw new ImportFileError(
      "DECOMPRESSION_LIMIT",
      `The file grows by more than ${limits.maxCompressionRatio} times when decompressed. Send it uncompressed.`,
      { limit: limits.maxCompressionRatio },
    );
  }
}
