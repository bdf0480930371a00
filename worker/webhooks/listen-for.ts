import { setTimeout as sleep } from "node:timers/promises";
import { escapeIdentifier, type Pool } from "pg";
import type { Log } from "../../lib/log.ts";

/** Hears notices of the database until it is stopped. */
export interface Listener {
  stop(): Promise<void>;
}

const againMs = 1_000;

/**
 * Calls back when a channel is notified, over a connection of its own that is opened anew when it is lost. A notice may
 * be missed meanwhile, so the caller looks by itself from time to time.
 */
export function listenFor(pool: Pool, log: Log, channel: string, heard: () => void): Listener {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function listen(): Promise<void> {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      client.on("notification", heard);
      await client.query(`listen ${escapeIdentifier(channel)}`);
      heard();
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
        if (signal.aborted) resolve();
        client.once("error", (error: Error) => {
          broken = error;
          resolve();
        });
      });
    } finally {
      client.removeListener("notification", heard);
      // Nobody else gets a connection that listens.
      client.release(broken ?? true);
    }
  }

  const listening = (async () => {
    while (!signal.aborted) {
      await listen().catch((error: unknown) => log.warn({ err: error, channel }, "could not listen for notices"));
      await sleep(againMs, undefined, { signal }).catch(() => {});
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await listening;
    },
  };
}
