import type { PoolClient } from "pg";

/** An event as a consumer gets it: a row of events.events, with its cursor. A `bigint` is text. */
export interface FeedEvent {
  readonly tenant_id: string;
  readonly id: string;
  readonly position: string;
  readonly cursor: string;
  readonly type: string;
  readonly subject_type: string;
  readonly subject_id: string | null;
  readonly keys: readonly string[];
  readonly changed_fields: readonly string[];
  readonly row_count: string;
  readonly counts: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly actor_id: string | null;
  readonly depth: number;
  readonly correlation_id: string | null;
  readonly request_id: string | null;
  readonly created_at: Date;
}

/** A tenant that a consumer serves. */
export interface WantedTenant {
  readonly tenantId: string;
  /** Events from then on are read when the tenant is new to the consumer; from now on when it is not told. */
  readonly since?: Date | undefined;
}

/** Reads the feed of the tenants that want it, each event once and in order. */
export interface Consumer {
  /** Stands in private.feed_consumers: never rename it. Lower case, with underscores. */
  readonly name: string;
  /** How many events are taken at a time; 100 unless told. */
  readonly batchSize?: number | undefined;
  /**
   * Which tenants it serves now. Asked each second as rowhouse_worker, outside any tenant. A tenant that is not named any
   * more is forgotten; named again, it begins anew.
   */
  wants(client: PoolClient): Promise<readonly WantedTenant[]>;
  /**
   * Takes events of a tenant in their order, as rowhouse_system under its claims. The place in the feed moves in the same
   * transaction: all of it counts once, or, when it throws, not at all and is tried again after a pause, one event at a
   * time. So it does nothing outside of the database.
   */
  take(client: PoolClient, tenantId: string, events: readonly FeedEvent[]): Promise<void>;
}

/** Says what a consumer is. */
export function defineConsumer(consumer: Consumer): Consumer {
  if (!/^[a-z][a-z0-9_]*$/.test(consumer.name)) throw new Error(`${consumer.name} is no name of a consumer.`);
  return consumer;
}
