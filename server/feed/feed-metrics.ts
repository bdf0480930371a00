import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { FeedEvent } from "./feed-event.ts";

/** Counts what the feed delivers. */
export interface FeedMetrics {
  /** An event is handed to a subscriber. */
  delivered(event: FeedEvent): void;
  /** A subscriber was too slow. */
  dropped(): void;
}

/** The feed's metrics in a registry; `subscribers` and `groups` are asked for when they are read. */
export function createFeedMetrics(
  registry: Registry,
  now: { readonly subscribers: () => number; readonly groups: () => number },
): FeedMetrics {
  const registers = [registry];
  const delivered = new Counter({
    name: "rowhouse_feed_events_delivered_total",
    help: "Events handed to subscribers of the feed.",
    registers,
  });
  const dropped = new Counter({
    name: "rowhouse_feed_subscribers_dropped_total",
    help: "Subscribers of the feed that were ended because they were too slow.",
    registers,
  });
  const lag = new Histogram({
    name: "rowhouse_feed_lag_seconds",
    help: "Seconds between the start of the transaction that made an event and its delivery to a subscriber.",
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers,
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge("rowhouse_feed_subscribers", "Subscribers of the feed.", now.subscribers);
  gauge("rowhouse_feed_reads_shared", "Reads of the feed that go on for their subscribers.", now.groups);
  return {
    delivered({ createdAt }) {
      delivered.inc();
      lag.observe((Date.now() - createdAt.getTime()) / 1000);
    },
    dropped: () => dropped.inc(),
  };
}
