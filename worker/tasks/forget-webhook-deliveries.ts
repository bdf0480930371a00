import { defineMaintenance } from "../define-task.ts";

const batchSize = 5000;

/** Forgets webhooks that were delivered or given up so many days ago, as the settings say. */
export const forgetWebhookDeliveries = defineMaintenance(
  "forget_webhook_deliveries",
  async ({ pool, config, log, signal }) => {
    let forgotten = 0;
    for (let count = batchSize; count >= batchSize && !signal.aborted; forgotten += count) {
      const { rows } = await pool.query<{ count: number }>(
        "select private.forget_webhook_deliveries($1, $2) as count",
        [config.webhookDeliveryDays, batchSize],
      );
      count = rows[0]!.count;
    }
    if (forgotten > 0) log.info({ forgotten }, "forgot webhook deliveries");
  },
);
