import { targets } from "./config-types.ts";
import { int, text, variable } from "./setting.ts";

/** The settings of outgoing webhooks. */
export const webhookVariables = {
  webhookAllowedTargets: variable(
    "ROWHOUSE_WEBHOOK_ALLOWED_TARGETS",
    targets,
    undefined,
    "Hosts, addresses and networks that webhooks may be sent to though they are private or have no https, with commas between them. Unset: none.",
  ),
  webhookTimeoutMs: variable(
    "ROWHOUSE_WEBHOOK_TIMEOUT_MS",
    int(100, 120_000),
    "15000",
    "How long the receiver of a webhook may take to answer, in milliseconds.",
  ),
  webhookRetrySeconds: variable(
    "ROWHOUSE_WEBHOOK_RETRY_SECONDS",
    text
      .transform((given) => given.split(/[\s,]+/).map(Number))
      .refine((pauses) => pauses.every((pause) => pause >= 0 && pause <= 604_800), {
        message: "must be seconds with commas between them, such as 5,30,120",
      }),
    "5,30,120,300,600,1200,2400,4800,9600,19200,38400",
    "Pauses before a webhook that failed is tried again, in seconds with commas between them; after the last it is given up. Each is varied by a fifth.",
  ),
  webhookConcurrency: variable(
    "ROWHOUSE_WEBHOOK_CONCURRENCY",
    int(0, 1000),
    "64",
    "How many webhooks a worker sends at a time, for all tenants; each tenant has half of them at most. 0 sends none.",
  ),
  webhookSubscriptionConcurrency: variable(
    "ROWHOUSE_WEBHOOK_SUBSCRIPTION_CONCURRENCY",
    int(1, 1000),
    "10",
    "How many webhooks are sent to one subscription at a time, by all workers.",
  ),
  webhookDisableDays: variable(
    "ROWHOUSE_WEBHOOK_DISABLE_DAYS",
    int(1, 365),
    "3",
    "After how many days without a webhook that went through a subscription is disabled.",
  ),
  webhookDisableDeaths: variable(
    "ROWHOUSE_WEBHOOK_DISABLE_DEATHS",
    int(1, 1_000_000),
    "20",
    "After how many webhooks in a row that were given up a subscription is disabled.",
  ),
  webhookDeliveryDays: variable(
    "ROWHOUSE_WEBHOOK_DELIVERY_DAYS",
    int(1, 3650),
    "30",
    "How long webhooks that were delivered or given up are kept, with the answer, in days.",
  ),
} as const;
