import { automations } from "../automations/automation-consumer.ts";
import { webhookConsumer } from "../webhooks/webhook-consumer.ts";
import type { Consumer } from "./define-consumer.ts";

/** Every consumer of the feed, one line each. */
// prettier-ignore
export const consumers: readonly Consumer[] = [
  automations,
  webhookConsumer,
];
