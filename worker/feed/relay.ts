import type { Pool, PoolClient } from "pg";
import type { Log } from "../../lib/log.ts";
import type { Consumer } from "./define-consumer.ts";
import { listenToFeed } from "./feed-listener.ts";
import type { FeedMetrics } from "./feed-metrics.ts";
import { noteFailure, takeBatch } from "./take-batch.ts";

/** What the relay is made of. */
export interface RelayOptions {
  readonly pool: Pool;
  /** Connection of role rowhouse_worker, to listen on. */
  readonly databaseUrl: string;
  readonly log: Log;
  readonly metrics: FeedMetrics;
  readonly consumers: readonly Consumer[];
  /** Turns that are taken at once; 4 unless told. */
  readonly concurrency?: number | undefined;
  /** Between two looks for what was not heard, in milliseconds; 1000 unless told. */
  readonly pollMs?: number | undefined;
}

/** Consumers at work. */
export interface Relay {
  /** Begins no more turns, and waits for those under way. */
  stop(): Promise<void>;
}

/** Turns that the relay takes at once, unless told. */
export const relayConcurrency = 4;

/** A look finds so many at most; the next look finds the others. */
const lookLimit = 1000;

/**
 * Hands the feed of each tenant to the consumers that want it. Turns are taken in the order in which they were asked for,
 * a batch at a time: a tenant with much to read does not keep others waiting. A consumer that fails in a tenant waits
 * there, and nowhere else.
 */
export function startRelay(options: RelayOptions): Relay {
  const { pool, log, metrics, consumers, concurrency = relayConcurrency, pollMs = 1000 } = options;
  const byName = new Map(consumers.map((consumer) => [consumer.name, consumer]));
  const wanted = new Map<string, ReadonlySet<string>>();
  /** Turns to take, in order. */
  const waiting = new Map<string, { consumer: Consumer; tenantId: string }>();
  /** Turns under way; true when one more is asked for. */
  const running = new Map<string, boolean>();
  const turns = new Set<Promise<void>>();
  let stopped = false;

  const ask = (consumer: Consumer, tenantId: string) => {
    const key = `${consumer.name} ${tenantId}`;
    if (running.has(key)) running.set(key, true);
    else if (!waiting.has(key)) waiting.set(key, { consumer, tenantId });
  };

  const begin = () => {
    for (const [key, { consumer, tenantId }] of waiting) {
      if (stopped || running.size >= concurrency) return;
      waiting.delete(key);
      running.set(key, false);
      const turn = take(consumer, tenantId).then((hasMore) => {
        const isAskedAgain = running.get(key);
        running.delete(key);
        turns.delete(turn);
        if (hasMore || isAskedAgain) ask(consumer, tenantId);
        begin();
      });
      turns.add(turn);
    }
  };

  const take = async (consumer: Consumer, tenantId: string): Promise<boolean> => {
    const label = { consumer: consumer.name };
    try {
      const { events, hasMore } = await takeBatch(pool, consumer, tenantId);
      metrics.events.inc(label, events.length);
      for (const event of events) metrics.delay.observe(label, Math.max(0, Date.now() - +event.created_at) / 1000);
      return hasMore;
    } catch (error) {
      metrics.failures.inc(label);
      log.error({ err: error, tenantId, ...label }, "a consumer of the feed failed; it tries again after a pause");
      await noteFailure(pool, consumer, tenantId, error).catch((failure) =>
        log.error({ err: failure, tenantId, ...label }, "could not note that a consumer failed"),
      );
      return false;
    }
  };

  const serve = async (client: PoolClient, consumer: Consumer) => {
    const tenants = await consumer.wants(client);
    const ids = tenants.map(({ tenantId }) => tenantId);
    const since = tenants.map((tenant) => tenant.since ?? null);
    await client.query("select private.keep_feed_consumers($1, $2, $3)", [consumer.name, ids, since]);
    wanted.set(consumer.name, new Set(ids));
  };

  /** Asks who is to be served, and looks for what was not heard. */
  const look = async () => {
    const client = await pool.connect();
    try {
      for (const consumer of consumers) {
        await serve(client, consumer).catch((error) =>
          log.error({ err: error, consumer: consumer.name }, "a consumer of the feed could not say whom it serves"),
        );
      }
      const { rows } = await client.query<{ tenant_id: string; name: string }>(
        "select * from private.waiting_feed_consumers($1)",
        [lookLimit],
      );
      for (const { tenant_id, name } of rows) {
        const consumer = byName.get(name);
        if (consumer) ask(consumer, tenant_id);
      }
      begin();
    } finally {
      client.release();
    }
  };

  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void>;
  const next = () => {
    looking = look()
      .catch((error) => log.error({ err: error }, "could not look for events that wait"))
      .then(() => {
        if (!stopped) timer = setTimeout(next, pollMs);
      });
  };
  next();
  const listener = listenToFeed(options.databaseUrl, log, (tenantId) => {
    for (const consumer of consumers) if (wanted.get(consumer.name)?.has(tenantId)) ask(consumer, tenantId);
    begin();
  });

  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
      clearTimeout(timer);
      await Promise.all(turns);
      await listener.close();
    },
  };
}
