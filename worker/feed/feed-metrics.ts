import { Counter, Histogram, type Registry } from "prom-client";

/** What is counted of the consumers of the feed. */
export interface FeedMetrics {
  readonly events: Counter<"consumer">;
  readonly failures: Counter<"consumer">;
  readonly delay: Histogram<"consumer">;
}

/** Registers the metrics of the consumers of a worker process. */
export function createFeedMetrics(registry: Registry): FeedMetrics {
  return {
    events: new Counter({
      name: "rowhouse_feed_events_total",
      help: "Events of the feed that consumers have taken.",
      labelNames: ["consumer"],
      registers: [registry],
    }),
    failures: new Counter({
      name: "rowhouse_feed_failures_total",
      help: "Times that a consumer failed and waits before it tries again.",
      labelNames: ["consumer"],
      registers: [registry],
    }),
    delay: new Histogram({
      name: "rowhouse_feed_delay_seconds",
      help: "From an event's transaction to the consumer that has taken it.",
      labelNames: ["consumer"],
      buckets: [0.01, 0.05, 0.25, 1, 5, 30, 300, 3600],
      registers: [registry],
    }),
  };
}
