import { Counter, Histogram, type Registry } from "prom-client";

/** Counts attempts at webhooks, and times them. */
export interface WebhookMetrics {
  ended(outcome: string): void;
  disabled(): void;
  /** Seconds between an event and the attempt at telling of it. */
  waited(seconds: number): void;
  /** Seconds that an attempt took. */
  took(seconds: number): void;
}

/** Registers the metrics of outgoing webhooks. */
export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const registers = [registry];
  const attempts = new Counter({
    name: "rowhouse_webhook_attempts_total",
    help: "Attempts at outgoing webhooks by how they ended: delivered, failed (tried again), dead, gone, lost.",
    labelNames: ["outcome"],
    registers,
  });
  const disabled = new Counter({
    name: "rowhouse_webhook_subscriptions_disabled_total",
    help: "Webhook subscriptions that were disabled because their receiver failed or is gone.",
    registers,
  });
  const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600, 86_400];
  const lag = new Histogram({
    name: "rowhouse_webhook_lag_seconds",
    help: "How long first attempts at outgoing webhooks came after their delivery was made.",
    buckets,
    registers,
  });
  const seconds = new Histogram({
    name: "rowhouse_webhook_seconds",
    help: "How long attempts at outgoing webhooks took.",
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
    registers,
  });
  return {
    ended: (outcome) => attempts.inc({ outcome }),
    disabled: () => disabled.inc(),
    waited: (value) => lag.observe(value),
    took: (value) => seconds.observe(value),
  };
}
