import { defineConsumer } from "../feed/define-consumer.ts";

/** Fires the automations that wait for events: one row of their log for each firing, whose job does the work. */
export const automations = defineConsumer({
  name: "automations",
  batchSize: 50,
  async wants(client) {
    const { rows } = await client.query<{ tenant_id: string; since: Date }>(
      "select * from private.automation_tenants()",
    );
    return rows.map(({ tenant_id, since }) => ({ tenantId: tenant_id, since }));
  },
  async take(client, _tenantId, events) {
    await client.query("select pipeline.fire_automations_for_events($1)", [events.map(({ id }) => id)]);
  },
});
