import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { RowhouseError } from "./errors.ts";

/** Facts of a stored file. */
export interface StoredFile {
  readonly byteCount: number;
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly sha256: string;
}

/** A part of a file: from the first byte to the last one, both counted from 0 and included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where the files of tenants lie. A key is `<tenant id>/<name>/…`: letters, digits, dot, dash and underscore. */
export interface FileStore {
  /** Keeps a stream as a file that appears under its key only when it is complete and safe on disk. */
  put(key: string, source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<StoredFile>;
  /** The size of a file in bytes. Throws NOT_FOUND. */
  size(key: string): Promise<number>;
  /** Reads a file, or a part of it. */
  read(key: string, range?: ByteRange): Readable;
  /** Removes a file; none is fine. */
  remove(key: string): Promise<void>;
  /** Removes everything whose key begins with these names; nothing is fine. */
  removeAll(prefix: string): Promise<void>;
}

const tenant = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const name = /^(?!\.)[A-Za-z0-9._-]{1,200}$/;

const blockBytes = 256 * 1024;

/** The files below a folder of this machine. */
export function createDiskStore(root: string): FileStore {
  const pathOf = (key: string): string => {
    const [first = "", ...rest] = key.split("/");
    // Nothing but such names can be part of a path, so that no key leads out of its tenant's folder.
    if (!tenant.test(first) || rest.length === 0 || !rest.every((each) => name.test(each))) {
      throw new RangeError(`${JSON.stringify(key)} is no key of the file store.`);
    }
    return join(root, first, ...rest);
  };
  return {
    async put(key, source, signal) {
      const path = pathOf(key);
      const draft = `${path}.${randomUUID()}.part`;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(draft, "wx", 0o600);
      const hash = createHash("sha256");
      let byteCount = 0;
      // One write is under way while the next block is gathered and counted.
      let writing: Promise<void> = Promise.resolve();
      try {
        try {
          for await (const block of blocks(source)) {
            signal?.throwIfAborted();
            await writing;
            writing = writeAll(file, block);
            // Who fails is told when it is waited for.
            writing.catch(() => {});
            hash.update(block);
            byteCount += block.length;
          }
          signal?.throwIfAborted();
          await writing;
          await file.sync();
        } finally {
          await writing.catch(() => {});
          await file.close();
        }
        await rename(draft, path);
        await syncFolder(dirname(path));
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
      return { byteCount, sha256: hash.digest("hex") };
    },
    async size(key) {
      const found = await stat(pathOf(key)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") throw new RowhouseError("NOT_FOUND", "The file is not there any more.");
        throw error;
      });
      return found.size;
    },
    read: (key, range) => createReadStream(pathOf(key), { ...range, highWaterMark: 256 * 1024 }),
    remove: (key) => rm(pathOf(key), { force: true }),
    removeAll: (prefix) => rm(pathOf(prefix), { recursive: true, force: true }),
  };
}

/**
 * The bytes of a stream in blocks of a size that is worth a write; sockets bring them in small pieces. Two buffers take
 * turns: a block is good until the one after the next is asked for.
 */
async function* blocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let [buffer, other] = [Buffer.allocUnsafe(blockBytes), Buffer.allocUnsafe(blockBytes)];
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + blockBytes - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < blockBytes) break;
      yield buffer;
      [buffer, other] = [other, buffer];
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
}

/** A renamed file is there after a power cut only when its folder was written, too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
