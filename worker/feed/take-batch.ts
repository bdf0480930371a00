import type { Pool, PoolClient } from "pg";
import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import type { Consumer, FeedEvent } from "./define-consumer.ts";

const claim = "select * from private.claim_feed_consumer($1)";
/** What became of one turn of a consumer in a tenant. */
export interface BatchOutcome {
  readonly events: readonly FeedEvent[];
  /** Whether there is more to read now. */
  readonly hasMore: boolean;
}

const nothing: BatchOutcome = { events: [], hasMore: false };

/**
 * Lets a consumer take the next events of a tenant: reads them, hands them over and notes how far it is in one
 * transaction. Nothing when another worker is at it.
 */
export async function takeBatch(pool: Pool, consumer: Consumer, tenantId: string): Promise<BatchOutcome> {
  return inTenantTransaction(pool, { tenantId }, async (client) => {
    const { rows } = await client.query<{ last_position: string | null; failure_count: number }>(claim, [
      consumer.name,
    ]);
    const claimed = rows[0];
    if (!claimed?.last_position) return nothing;
    // After a failure one at a time: what comes before the event that fails is not held up by it.
    const size = claimed.failure_count > 0 ? 1 : (consumer.batchSize ?? 100);
    const { events, position, hasMore } = await readPage(client, claimed.last_position, size);
    if (events.length > 0) await consumer.take(client, tenantId, events);
    if (position !== claimed.last_position)
      await client.query("select private.move_feed_consumer($1, $2)", [consumer.name, position]);
    return { events, hasMore };
  });
}

async function readPage(client: PoolClient, after: string, size: number) {
  const { rows } = await client.query(
    `with page as materialized (select * from events.feed_page(events.cursor_of($1), '{}', '{}', $2))
     select n.*, events.cursor_of(n.position) as cursor, events.position_of(p.cursor) as next_position, p.has_more
     from page p left join lateral unnest(p.nodes) n on true order by n.position`,
    [after, size],
  );
  const { next_position, has_more } = rows[0] as { next_position: string; has_more: boolean };
  const events = rows.filter((row) => row.id !== null).map(({ next_position: _n, has_more: _h, ...event }) => event);
  return { events: events as FeedEvent[], position: next_position, hasMore: has_more };
}

/** Notes that a consumer failed in a tenant, so that it waits before it is tried again. */
export async function noteFailure(pool: Pool, consumer: Consumer, tenantId: string, error: unknown): Promise<void> {
  const text = error instanceof Error ? error.message : String(error);
  await inTenantTransaction(pool, { tenantId }, (client) =>
    client.query("select private.fail_feed_consumer($1, $2)", [consumer.name, text]),
  );
}
