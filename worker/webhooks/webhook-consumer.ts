import { defineConsumer } from "../feed/define-consumer.ts";
import { fanOut } from "./fan-out.ts";

/** A transaction that began so long before a webhook was made may commit after it, in milliseconds. */
const marginMs = 600_000;

/** Makes the deliveries of outgoing webhooks from the feed. */
export const webhookConsumer = defineConsumer({
  name: "webhooks",
  batchSize: 200,
  async wants(client) {
    const { rows } = await client.query<{ tenant_id: string; since: Date }>("select * from private.webhook_tenants()");
    return rows.map(({ tenant_id, since }) => ({ tenantId: tenant_id, since: new Date(+since - marginMs) }));
  },
  take: (client, _tenantId, events) => fanOut(client, events),
});
