/** Bytes as they come, pulled one chunk at a time. */
export type ByteChunks = AsyncGenerator<Buffer, void, undefined>;

const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The chunks of a source, each reported to `count`. Reading that ends early leaves the source as it is: closing a
 * request would take away the connection that the answer goes out by.
 */
export async function* pull(source: AsyncIterable<Uint8Array>, count: (bytes: number) => void): ByteChunks {
  const iterator = source[Symbol.asyncIterator]();
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    count(next.value.byteLength);
    yield toBuffer(next.value);
  }
}

/** Reads at least so many bytes ahead, or all there are; `all` gives them again, and then the rest. */
export async function peek(
  chunks: ByteChunks,
  bytes: number,
): Promise<{ head: Buffer; isWhole: boolean; all: ByteChunks }> {
  const parts: Buffer[] = [];
  let size = 0;
  let isWhole = false;
  while (size < bytes && !isWhole) {
    const next = await chunks.next();
    if (next.done) isWhole = true;
    else {
      parts.push(next.value);
      size += next.value.length;
    }
  }
  const head = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  async function* all(): ByteChunks {
    if (head.length > 0) yield head;
    yield* chunks;
  }
  return { head, isWhole, all: all() };
}

/** The chunks without their first bytes, which go to `onSkipped`. */
export async function* skip(chunks: ByteChunks, bytes: number, onSkipped?: (bytes: Buffer) => void): ByteChunks {
  let left = bytes;
  for await (const chunk of chunks) {
    if (left > 0) onSkipped?.(chunk.subarray(0, left));
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}

/**
 * The same bytes in pieces of just this size, the last one shorter: what is read does not depend on how it was sent, and
 * a file sent byte by byte costs no more. What came before an error of the source is still given.
 */
export async function* inPieces(chunks: ByteChunks, bytes: number): ByteChunks {
  let piece = Buffer.allocUnsafe(bytes);
  let size = 0;
  let failure: { error: unknown } | undefined;
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      failure = { error };
      return { done: true, value: undefined } as const;
    });
    if (next.done) break;
    for (let at = 0; at < next.value.length;) {
      const taken = next.value.copy(piece, size, at);
      at += taken;
      size += taken;
      if (size < bytes) continue;
      yield piece;
      piece = Buffer.allocUnsafe(bytes);
      size = 0;
    }
  }
  if (size > 0) yield piece.subarray(0, size);
  if (failure) throw failure.error;
}
