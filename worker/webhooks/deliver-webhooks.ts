import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import type { Config } from "../../lib/config.ts";
import type { Log } from "../../lib/log.ts";
import { createOutboundGuard } from "../../lib/outbound-guard.ts";
import { sealedContext } from "../../lib/sealed-columns.ts";
import { openSecret } from "../../lib/sealed-secret.ts";
import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import { encodeTypeId } from "../../lib/type-id.ts";
import { signWebhook } from "../../lib/webhook-signature.ts";
import { judgeAnswer, type Verdict } from "./judge-answer.ts";
import { listenFor } from "./listen-for.ts";
import { createWebhookSender, type WebhookAnswer } from "./send-webhook.ts";
import type { WebhookMetrics } from "./webhook-metrics.ts";

/** What delivering works with. */
export interface DeliveryRuntime {
  readonly pool: Pool;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: WebhookMetrics;
}

/** Sends webhooks until it is stopped. */
export interface Deliverer {
  /** Takes no more, and waits for what is being sent. */
  stop(): Promise<void>;
}

interface Claimed {
  readonly tenant_id: string;
  readonly id: string;
  readonly subscription_id: string;
  readonly url: string;
  readonly event_id: string;
  readonly body: string;
  readonly attempt: number;
  readonly lease: string;
  readonly waited: number;
  readonly sealed_secret: Buffer | null;
  readonly previous_sealed_secret: Buffer | null;
}

type Settled = Verdict & { readonly id: string; readonly subscription_id: string; readonly lease: string };

const claim = "select * from private.claim_webhook_deliveries($1, $2, $3, $4 * interval '1 millisecond')";
const settle = "select * from private.settle_webhook_deliveries($1, $2, $3)";

/** Between two looks when there was nothing to do and nobody gave notice. */
const idleMs = 1_000;
/** So long results are gathered, to be written together. */
const gatherMs = 10;
/** Connections that it keeps the pool busy with: one listens, one looks, others write results. */
export const deliveryConnections = 4;
/** A lease outlives its attempt by this much. */
const leaseMarginMs = 2_000;

/**
 * Starts sending what is due. Every state is in the database: what this process holds when it dies is taken again when
 * its lease is over.
 */
export function startDelivering({ pool, config, log, metrics }: DeliveryRuntime): Deliverer {
  const capacity = config.webhookConcurrency;
  const perTenant = Math.max(Math.ceil(capacity / 2), Math.min(capacity, config.webhookSubscriptionConcurrency));
  const leaseMs = config.webhookTimeoutMs + leaseMarginMs;
  const sender = createWebhookSender(createOutboundGuard(config.webhookAllowedTargets), config.webhookTimeoutMs);
  const running = new Set<Promise<void>>();
  const results = new Map<string, Settled[]>();
  let settling: Promise<void> | undefined;
  let stopped = false;
  let wake = new AbortController();

  const rouse = () => wake.abort();

  /** Waits until there may be something to do. */
  async function rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: wake.signal }).catch(() => {});
    wake = new AbortController();
  }

  async function deliver(delivery: Claimed): Promise<void> {
    if (delivery.attempt === 1) metrics.waited(Math.max(delivery.waited, 0));
    const began = performance.now();
    const answer = await send(delivery);
    metrics.took((performance.now() - began) / 1000);
    const verdict = judgeAnswer(answer, delivery.attempt, config.webhookRetrySeconds);
    const { tenant_id, id, subscription_id, lease } = delivery;
    const list = results.get(tenant_id) ?? [];
    results.set(tenant_id, list);
    list.push({ ...verdict, id, subscription_id, lease });
    settling ??= sleep(gatherMs).then(settleAll);
    await settling;
  }

  async function send(delivery: Claimed): Promise<WebhookAnswer> {
    const { tenant_id, subscription_id, event_id, url, body } = delivery;
    if (delivery.sealed_secret === null)
      return { code: "SECRET_MISSING", message: "It has no signing secret. Make one by rotateWebhookSecret." };
    const context = sealedContext("webhook_subscription", tenant_id, subscription_id);
    let secrets: string[];
    try {
      secrets = [delivery.sealed_secret, delivery.previous_sealed_secret]
        .filter((sealed) => sealed !== null)
        .map((sealed) => openSecret(config, sealed, context));
    } catch (error) {
      log.error({ err: error, subscriptionId: subscription_id }, "the secret of a webhook could not be opened");
      return {
        code: "SECRET_UNREADABLE",
        message: "Its signing secret cannot be read. Make one by rotateWebhookSecret.",
      };
    }
    const id = encodeTypeId("evt", event_id);
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = {
      "user-agent": "Rowhouse-Webhooks/1",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signWebhook(secrets, id, timestamp, body),
    };
    return sender.send(url, headers, body);
  }

  /** Writes what has ended, a transaction for each tenant. */
  async function settleAll(): Promise<void> {
    settling = undefined;
    const batch = [...results];
    results.clear();
    await Promise.all(batch.map(([tenantId, ended]) => settleTenant(tenantId, ended)));
  }

  async function settleTenant(tenantId: string, ended: readonly Settled[]): Promise<void> {
    const values = [JSON.stringify(ended), config.webhookDisableDays, config.webhookDisableDeaths];
    try {
      const { rows } = await inTenantTransaction(pool, { tenantId }, (client) => client.query(settle, values));
      for (const { outcome } of ended) metrics.ended(outcome);
      const disabled = new Set<string>();
      for (const row of rows as { delivery_id: string; is_disabled: boolean }[]) {
        const subscriptionId = ended.find(({ id }) => id === row.delivery_id)?.subscription_id;
        if (row.is_disabled && subscriptionId) disabled.add(subscriptionId);
      }
      for (const subscriptionId of disabled) {
        metrics.disabled();
        log.warn({ tenantId, subscriptionId }, "a webhook subscription was disabled: its receiver failed or is gone");
      }
    } catch (error) {
      // What was sent is sent again when the lease is over: at least once.
      for (const _ of ended) metrics.ended("lost");
      log.error({ err: error, tenantId }, "what became of webhooks could not be written");
    }
  }

  async function work(): Promise<void> {
    while (!stopped) {
      const free = capacity - running.size;
      let claimed: Claimed[] = [];
      try {
        if (free > 0) {
          const values = [free, config.webhookSubscriptionConcurrency, perTenant, leaseMs];
          ({ rows: claimed } = await pool.query<Claimed>(claim, values));
        }
      } catch (error) {
        log.error({ err: error }, "could not look for webhooks to send");
        await rest(idleMs);
        continue;
      }
      for (const delivery of claimed) {
        const task: Promise<void> = deliver(delivery).finally(() => {
          running.delete(task);
          rouse();
        });
        running.add(task);
      }
      // What ends makes room, and lets others go: the next look comes then.
      await rest(idleMs);
    }
  }

  const listener = capacity > 0 ? listenFor(pool, log, "rowhouse_webhooks", rouse) : undefined;
  const looking = capacity > 0 ? work() : undefined;
  return {
    async stop() {
      stopped = true;
      rouse();
      await listener?.stop();
      await looking;
      await Promise.all(running);
      sender.close();
    },
  };
}
