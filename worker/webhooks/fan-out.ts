import type { PoolClient } from "pg";
import type { FeedEvent } from "../feed/define-consumer.ts";
import { readApiTables, type ApiTables } from "./api-columns.ts";
import { composeEvent, type Row } from "./compose-event.ts";

/** A subscription as far as deliveries are made for it. */
interface Subscription {
  readonly id: string;
  readonly types: readonly string[];
  readonly start_position: string;
}

const activeSql = `
  select id, types, start_position from events.webhook_subscriptions where status = 'active' and deleted_at is null`;
const rowsSql = "select * from private.event_rows_of($1)";
const addSql = "select private.add_webhook_deliveries($1, $2) as count";

let tables: ApiTables | undefined;
let tablesUntil = 0;

/**
 * Makes a delivery for each of these events and each active subscription that asks for its type. Runs in the
 * transaction that moves on in the feed, within the tenant; made again, it makes nothing twice.
 */
export async function fanOut(client: PoolClient, events: readonly FeedEvent[]): Promise<void> {
  const { rows: subscriptions } = await client.query<Subscription>(activeSql);
  const wanted = subscriptions.flatMap((subscription) =>
    events
      .filter(({ type, position }) => {
        return BigInt(position) > BigInt(subscription.start_position) && matchesTypes(type, subscription.types);
      })
      .map((event) => ({ subscriptionId: subscription.id, event })),
  );
  await addDeliveries(client, wanted, false);
}

/** Makes the deliveries of one subscription for events that it is told of once more; how many. */
export async function replayTo(
  client: PoolClient,
  subscriptionId: string,
  events: readonly FeedEvent[],
): Promise<number> {
  return addDeliveries(
    client,
    events.map((event) => ({ subscriptionId, event })),
    true,
  );
}

async function addDeliveries(
  client: PoolClient,
  wanted: readonly { readonly subscriptionId: string; readonly event: FeedEvent }[],
  isReplay: boolean,
): Promise<number> {
  if (wanted.length === 0) return 0;
  if (tables === undefined || Date.now() > tablesUntil) {
    tables = await readApiTables(client);
    tablesUntil = Date.now() + 300_000;
  }
  const known = tables;
  const ids = [...new Set(wanted.map(({ event }) => event.id))];
  const { rows: kept } = await client.query<{ event_id: string; rows: Row[] }>(rowsSql, [ids]);
  const rowsOf = new Map(kept.map(({ event_id, rows }) => [event_id, rows]));
  const payloads = new Map<string, object>();
  const payloadOf = (event: FeedEvent) => {
    const payload = payloads.get(event.id) ?? composeEvent(known, event, rowsOf.get(event.id));
    payloads.set(event.id, payload);
    return payload;
  };
  const deliveries = wanted.map(({ subscriptionId, event }) => ({
    subscription_id: subscriptionId,
    event_id: event.id,
    event_type: event.type,
    position: event.position,
    subject_type: event.subject_type,
    subject_id: event.subject_id,
    payload: payloadOf(event),
  }));
  const { rows } = await client.query<{ count: number }>(addSql, [JSON.stringify(deliveries), isReplay]);
  return rows[0]!.count;
}

/** Whether a type is among those asked for: `contact.created` names itself, `contact.*` all of contacts, none all. */
export function matchesTypes(type: string, types: readonly string[]): boolean {
  if (types.length === 0) return true;
  return types.some((each) => (each.endsWith("*") ? type.startsWith(each.slice(0, -1)) : type === each));
}
