import type { Socket } from "node:net";
import { DatabaseError, type PoolClient } from "pg";
import { to as copyTo } from "pg-copy-streams";

/** The output of a COPY … TO STDOUT. */
export interface CopyOut {
  /** Runs the statement and yields its output; to be read once. */
  chunks(): AsyncGenerator<Buffer>;
  /** How many rows it wrote; known after the last chunk. */
  rowCount(): Promise<number>;
}

/**
 * Streams the output of a COPY with constant memory. When it is left before its end, or aborted, the connection is cut:
 * PostgreSQL would otherwise go on sending, and the connection could not be used.
 */
export function copyOut(client: PoolClient, sql: string, signal: AbortSignal): CopyOut {
  const copy = copyTo(sql, { highWaterMark: 256 * 1024 });
  const cut = () => void socketOf(client).destroy();
  return {
    async *chunks() {
      signal.throwIfAborted();
      signal.addEventListener("abort", cut, { once: true });
      let isInStep = false;
      try {
        for await (const chunk of client.query(copy)) yield chunk as Buffer;
        isInStep = true;
      } catch (error) {
        // After an error that PostgreSQL itself reports, the connection waits for the next statement.
        isInStep = error instanceof DatabaseError;
        throw signal.aborted ? signal.reason : error;
      } finally {
        signal.removeEventListener("abort", cut);
        if (!isInStep) cut();
      }
    },
    async rowCount() {
      // The figure comes in a message of its own after the last row; the answer to any statement comes after it.
      await client.query("select");
      return copy.rowCount;
    },
  };
}

function socketOf(client: PoolClient): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
