import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../lib/log.ts";
import type { ChangeHub, Topic, Wake } from "../subscriptions/change-hub.ts";
import type { FeedEvent } from "./feed-event.ts";
import type { FeedHub } from "./feed-hub.ts";

/** Wakes the subscribers of rows by what the feed tells of them. */
export interface RowWatch {
  /** Like the hub's own, for rows of a table that the feed tells of. `ready` is waited for before each wake. */
  subscribe(topic: Topic, ready?: () => Promise<void>): AsyncIterableIterator<Wake>;
}

/** Whose events tell that a row changed: by table, the table of that row and the column of the payload that names it. */
const sources: Readonly<Record<string, { readonly table: string; readonly column: string }>> = {
  contacts: { table: "contacts", column: "id" },
  channel_identifiers: { table: "contacts", column: "contact_id" },
  contact_addresses: { table: "contacts", column: "contact_id" },
  contact_attributes: { table: "contacts", column: "contact_id" },
  contact_consents: { table: "contacts", column: "contact_id" },
  contact_tag_mapping: { table: "contacts", column: "contact_id" },
  positions: { table: "contacts", column: "contact_id" },
  inbox_threads: { table: "inbox_threads", column: "id" },
  inbox_messages: { table: "inbox_threads", column: "thread_id" },
  campaigns: { table: "campaigns", column: "id" },
  campaign_recipients: { table: "campaigns", column: "campaign_id" },
  jobs: { table: "jobs", column: "id" },
};
const tables = new Set(Object.values(sources).map(({ table }) => table));

/** Whether the feed tells of a table's rows. */
export function isWatched(table: string): boolean {
  return tables.has(table);
}

/** Follows the feed of each tenant in which somebody watches a row, once for all of them. */
export function createRowWatch(feed: FeedHub, changes: ChangeHub, log: Log): RowWatch {
  const follows = new Map<string, Follow>();
  const followOf = (tenant: string): Follow => {
    const existing = follows.get(tenant);
    if (existing !== undefined) return existing;
    const follow = followTenant(tenant, feed, changes, log);
    follows.set(tenant, follow);
    return follow;
  };
  return {
    subscribe(topic, ready) {
      const follow = followOf(topic.tenant);
      follow.watchers++;
      const wait = async () => {
        // What happens after the first look must not be missed.
        await follow.begun;
        await ready?.();
      };
      return changes.subscribe(topic, wait, () => {
        if (--follow.watchers > 0) return;
        follows.delete(topic.tenant);
        follow.stop();
      });
    },
  };
}

interface Follow {
  watchers: number;
  readonly begun: Promise<void>;
  stop(): void;
}

function followTenant(tenant: string, feed: FeedHub, changes: ChangeHub, log: Log): Follow {
  let isOver = false;
  let events: AsyncIterableIterator<FeedEvent> | undefined;
  let begin: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const onBegin = () => {
    begin();
    // Of what happened while nobody followed.
    for (const table of tables) changes.publish({ tenant, table });
  };
  void (async () => {
    while (!isOver) {
      try {
        // It only tells when to look: each subscriber reads the row under claims of its own.
        events = feed.subscribe({ session: { tenantId: tenant, role: "viewer" }, onBegin });
        for await (const event of events) publish(tenant, event, changes);
      } catch (error) {
        log.warn(
          { err: error, tenantId: tenant },
          "the feed cannot be followed for those who watch rows; trying again",
        );
        await sleep(1_000);
      }
    }
  })();
  return {
    watchers: 0,
    begun,
    stop() {
      isOver = true;
      begin();
      void events?.return?.();
    },
  };
}

function publish(tenant: string, event: FeedEvent, changes: ChangeHub): void {
  const source = sources[event.row.subject_type ?? ""];
  if (source === undefined) return;
  const { table, column } = source;
  if (column === "id") return changes.publish({ tenant, table, ids: event.subjects && [...event.subjects] });
  // Only the event of a single row says whose it is.
  const id = (JSON.parse(event.row.payload ?? "{}") as Record<string, unknown>)[column];
  changes.publish({ tenant, table, ids: typeof id === "string" ? [id] : undefined });
}
