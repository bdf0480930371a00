import type { Pool } from "pg";
import type { Log } from "../../lib/log.ts";
import { withTransaction } from "../../lib/tenant-transaction.ts";

/** Notes that API keys were used, away from any request. */
export interface KeyUses {
  note(tenantId: string, apiKeyId: string): void;
  /** Writes what was noted, now. */
  flush(): Promise<void>;
  /** Stops, and writes what was noted last. */
  close(): Promise<void>;
}

/** A key's use is written at most this often, in milliseconds, and this long after it. */
const onceMs = 60_000;
const writeMs = 5_000;

const begin = "begin; select set_config('role', 'rowhouse_identity', true)";

/** Writes which keys were used: each at most once a minute, all of them in one statement. */
export function createKeyUses(pool: Pool, log: Log): KeyUses {
  const noted = new Map<string, number>();
  let pending = new Map<string, string>();

  const flush = async () => {
    if (pending.size === 0) return;
    const uses = pending;
    pending = new Map();
    const now = Date.now();
    for (const [id, at] of noted) if (at + onceMs <= now) noted.delete(id);
    await withTransaction(pool, begin, (client) =>
      client.query("select private.note_key_uses($1, $2)", [[...uses.values()], [...uses.keys()]]),
    );
  };
  const flushed = () =>
    flush().catch((error: unknown) => log.warn({ err: error }, "cannot write which API keys were used"));
  const timer = setInterval(() => void flushed(), writeMs);
  timer.unref();

  return {
    note(tenantId, apiKeyId) {
      const now = Date.now();
      if ((noted.get(apiKeyId) ?? -Infinity) + onceMs > now) return;
      noted.set(apiKeyId, now);
      pending.set(apiKeyId, tenantId);
    },
    flush,
    async close() {
      clearInterval(timer);
      await flushed();
    },
  };
}
