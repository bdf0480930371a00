import type { Registry } from "prom-client";
import { RowhouseError } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Session } from "../auth/session.ts";
import type { EventFilter, FeedEvent } from "./feed-event.ts";
import { createFeedGroup, type FeedGroup, type GroupOptions } from "./feed-group.ts";
import { createFeedMetrics } from "./feed-metrics.ts";
import { followFeed } from "./follow-feed.ts";
import { keyOfClaims, type FeedClaims, type FeedReader } from "./read-feed.ts";

/** The channel on which the database says that a tenant has new events. */
export const eventsChannel = "rowhouse_events";

/** Which events of the session's tenant somebody wants to follow. */
export interface FeedWish extends Partial<EventFilter> {
  readonly session: Session;
  /** The cursor of the last event that they have; undefined to begin now. */
  readonly after?: string | undefined;
  /** Waited for before each event, for a connection that is slow to take data. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** Called once it follows live: whatever happens from then on is told. */
  readonly onBegin?: (() => void) | undefined;
}

/** Reads the feed of each tenant once for all who see the same of it. */
export interface FeedHub {
  /** The events of a tenant, in order; what ends it is thrown as a RowhouseError. Nothing is read before `next()`. */
  subscribe(wish: FeedWish): AsyncIterableIterator<FeedEvent>;
  /** A tenant has new events. */
  wake(tenantId: string): void;
  /** Any tenant may have new events. */
  wakeAll(): void;
  readonly size: number;
  close(): void;
}

/** What a hub needs. Times are in milliseconds. */
export interface FeedHubOptions extends Partial<Omit<GroupOptions, "reader" | "log">> {
  readonly reader: FeedReader;
  readonly log: Log;
  readonly metrics: Registry;
  /** How often a feed that nobody spoke of is read all the same: notifications can be lost. */
  readonly pollMs?: number;
  /** The same while `isListening` says that nothing is heard. */
  readonly deafPollMs?: number;
  readonly isListening?: () => boolean;
}

/** A hub without subscribers. */
export function createFeedHub(options: FeedHubOptions): FeedHub {
  const { reader, log, pollMs = 5_000, deafPollMs = 500, isListening = () => true } = options;
  const { pageSize = 200, unreadMax = 1_000, unreadBytesMax = 8_388_608, graceMs = 5_000, pauseMs = 10 } = options;
  const tenants = new Map<string, Map<string, FeedGroup>>();
  const groups = () => [...tenants.values()].flatMap((each) => [...each.values()]);
  let size = 0;
  const metrics = createFeedMetrics(options.metrics, { subscribers: () => size, groups: () => groups().length });

  const groupOf = (claims: FeedClaims, key: string): FeedGroup => {
    const tenantId = claims.tenantId!;
    const ofTenant = tenants.get(tenantId) ?? new Map<string, FeedGroup>();
    tenants.set(tenantId, ofTenant);
    const existing = ofTenant.get(key);
    if (existing !== undefined) return existing;
    const settings = { reader, log, pageSize, unreadMax, unreadBytesMax, graceMs, pauseMs };
    const group = createFeedGroup(claims, settings, () => {
      group.end();
      ofTenant.delete(key);
      if (ofTenant.size === 0) tenants.delete(tenantId);
    });
    ofTenant.set(key, group);
    return group;
  };

  const poll = setInterval(
    () => {
      const patience = isListening() ? pollMs : deafPollMs;
      for (const group of groups()) if (group.idleMs >= patience) group.look();
    },
    Math.min(pollMs, deafPollMs),
  ).unref();

  return {
    get size() {
      return size;
    },
    subscribe({ session, after, types = [], subjects = [], ready, onBegin }) {
      requireTenant(session);
      const { tenantId, role, scopes } = session;
      const claims = { tenantId, role, scopes };
      const key = keyOfClaims(claims);
      const group = () => groupOf(claims, key);
      const onEnd = () => void size--;
      size++;
      const wish = { after, types, subjects, ready, onBegin, claims, group, onEnd };
      return followFeed({ ...wish, reader, pageSize, unreadMax, metrics });
    },
    wake: (tenantId) => tenants.get(tenantId)?.forEach((group) => group.wake()),
    wakeAll: () => groups().forEach((group) => group.look()),
    close() {
      clearInterval(poll);
      for (const group of groups()) group.end();
    },
  };
}

function requireTenant({ tenantId, role }: Session): void {
  if (role === undefined) throw new RowhouseError("UNAUTHENTICATED", "Nobody is signed in. Log in first.");
  if (tenantId === undefined) {
    throw new RowhouseError("TENANT_REQUIRED", "This session has no tenant. Log in to a tenant to follow its events.");
  }
}
