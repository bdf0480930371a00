import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back. */
const as = (role: string, work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work);

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `events.${table}`, row);

const EVENT = { type: "contact.created", subject_type: "contacts" };

describe("an event", () => {
  test("knows its actor, its cause, how deep it lies, and how many rows it is about", () =>
    as("system", async (client) => {
      const correlation_id = "01900000-0000-7000-8000-000000000001";
      expect(await insert(client, "events", EVENT)).toMatchObject({ actor_id: actorId, row_count: "1", depth: 0 });
      await client.query(
        "select set_config('rowhouse.depth', '3', true), set_config('rowhouse.request_id', 'req-1', true), set_config('rowhouse.correlation_id', $1, true)",
        [correlation_id],
      );
      expect(await insert(client, "events", EVENT)).toMatchObject({ depth: 3, correlation_id, request_id: "req-1" });
    }));

  test("of a transaction that is still running is beyond the horizon, and holds up what came after it in its tenant only", async () => {
    const other = (await createTenant(database, "globex")).tenantId!;
    const read = (tenant = tenantId, after: string | null = null) =>
      asTenant(database, { tenantId: tenant }, async (client) => {
        const { rows } = await client.query("select id from events.read_feed($1)", [after]);
        return rows.map((row) => row.id);
      });
    const write = (tenant: string) =>
      asTenant(database, { tenantId: tenant }, (client) => insert(client, "events", EVENT), { commit: true });
    const head = await asTenant(database, { tenantId }, async (client) => {
      return (await client.query("select events.feed_head() as head")).rows[0].head;
    });
    const late = await database.admin.connect();
    try {
      await late.query("begin");
      await late.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
      const { id } = await insertInto(late, "events.events", EVENT);
      const next = await write(tenantId);
      const foreign = await write(other);
      expect(await read(tenantId, head)).toEqual([]);
      expect(await read(other)).toContain(foreign.id);
      await late.query("commit");
      expect(await read(tenantId, head)).toEqual([id, next.id]);
    } finally {
      await late.query("rollback");
      late.release();
    }
  });

  test("is served in the order of the feed by its index, to a reader behind the wall", () =>
    as("viewer", async (client) => {
      await client.query("set local enable_seqscan = off");
      const { rows } = await client.query(
        "explain select id from events.events where position > 5 order by position limit 10",
      );
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toMatch(/Index.*Scan using .*position_idx/);
      expect(plan).not.toMatch(/(^|-> +)Sort /m);
    }));

  test.each([
    ["a type without a subject", { type: "created" }, "events_type_check"],
    ["a subject that is no table", { subject_type: "Contacts!" }, "events_subject_type_check"],
    ["a key that is null", { keys: [null] }, "events_keys_check"],
    [
      "more than a thousand keys",
      { keys: Array(1001).fill("01900000-0000-7000-8000-000000000000") },
      "events_keys_check",
    ],
    ["counts that are no object", { counts: "[]" }, "events_counts_check"],
    ["a payload that is no object", { payload: '"x"' }, "events_payload_check"],
  ])("does not have %s", (_case, row, constraint) =>
    as("system", async (client) => {
      await expect(insert(client, "events", { ...EVENT, ...row })).rejects.toMatchObject({ code: "23514", constraint });
    }),
  );

  test("is written by no request, and changed by nobody", async () => {
    await as("admin", async (client) => {
      const write = "insert into events.events (type, subject_type) values ('a.b', 'a')";
      expect(await refusal(client, write)).toMatchObject({ code: "42501" });
    });
    for (const sql of ["update events.events set id = id", "delete from events.events"]) {
      await as("system", async (client) => {
        expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
      });
      await expect(database.admin.query(sql)).rejects.toMatchObject({ code: "RH005" });
    }
  });
});

describe("a webhook subscription", () => {
  const row = { name: "CRM", url: "https://hooks.example.test/rowhouse", types: ["contact.*", "lead.created"] };

  test.each([
    ["an address that is none", { url: "hooks.example.test" }, "webhook_subscriptions_url_check"],
    ["an address of another kind", { url: "file:///etc/passwd" }, "webhook_subscriptions_url_check"],
    ["an address with a password", { url: "https://u:p@example.test/" }, "webhook_subscriptions_url_check"],
    ["a type that is none", { types: ["contact created"] }, "webhook_subscriptions_types_check"],
    ["two types in one", { types: ["a b"] }, "webhook_subscriptions_types_check"],
    ["a type that is null", { types: [null] }, "webhook_subscriptions_types_check"],
  ])("does not have %s", (_case, values, constraint) =>
    as("admin", async (client) => {
      await expect(insert(client, "webhook_subscriptions", { ...row, ...values })).rejects.toMatchObject({
        code: "23514",
        constraint,
      });
    }),
  );

  test("notes when and why it was switched off, and starts afresh when it is switched on", () =>
    as("admin", async (client) => {
      const { id, status } = await insert(client, "webhook_subscriptions", row);
      expect(status).toBe("active");
      const set = async (assignment: string) =>
        (await client.query(`update events.webhook_subscriptions set ${assignment} where id = $1 returning *`, [id]))
          .rows[0];
      expect(await set("status = 'disabled'")).toMatchObject({
        disabled_at: expect.any(Date),
        disabled_reason: "manual",
      });
      await client.query("set local role rowhouse_system");
      await set("status = 'active'");
      expect(await set("failure_count = 20, status = 'disabled', disabled_reason = 'failing'")).toMatchObject({
        disabled_reason: "failing",
        failure_count: 20,
      });
      expect(await set("status = 'active'")).toMatchObject({
        disabled_at: null,
        disabled_reason: null,
        failure_count: 0,
      });
    }));

  test("is made by admins, shown to managers, and its secret to nobody", () =>
    as("admin", async (client) => {
      await insert(client, "webhook_subscriptions", row);
      expect(await refusal(client, "select from private.webhook_subscription_secrets")).toMatchObject({
        code: "42501",
      });
      await client.query("set local role rowhouse_manager");
      expect((await client.query("select from events.webhook_subscriptions")).rowCount).toBe(1);
      const write = "insert into events.webhook_subscriptions (name, url) values ('a', 'https://a.test/')";
      expect(await refusal(client, write)).toMatchObject({ code: "42501" });
      await client.query("set local role rowhouse_member");
      expect(await refusal(client, "select from events.webhook_subscriptions")).toMatchObject({ code: "42501" });
    }));
});

describe("a delivery", () => {
  async function deliver(client: PoolClient) {
    const subscription = await insert(client, "webhook_subscriptions", { name: "CRM", url: "https://a.test/" });
    const event = await insert(client, "events", EVENT);
    const row = { webhook_subscription_id: subscription.id, event_id: event.id, event_type: event.type };
    return insert(client, "webhook_deliveries", { ...row, payload: { id: 1 } });
  }
  const move = async (client: PoolClient, id: string, status: string) =>
    (await client.query("update events.webhook_deliveries set status = $2 where id = $1 returning *", [id, status]))
      .rows[0];

  test("is due at once, counts its attempts, and is due no more when it is delivered", () =>
    as("system", async (client) => {
      const { id, next_attempt_at } = await deliver(client);
      expect(next_attempt_at).toEqual(expect.any(Date));
      await move(client, id, "delivering");
      await move(client, id, "failed");
      const second = await move(client, id, "delivering");
      expect(second).toMatchObject({ attempt_count: 2, last_attempt_at: expect.any(Date) });
      expect(await move(client, id, "delivered")).toMatchObject({
        delivered_at: expect.any(Date),
        next_attempt_at: null,
      });
    }));

  test("that is over can be replayed, and is tried from the beginning", () =>
    as("system", async (client) => {
      const { id } = await deliver(client);
      expect(await move(client, id, "dead")).toMatchObject({ next_attempt_at: null });
      expect(await move(client, id, "pending")).toMatchObject({ next_attempt_at: expect.any(Date) });
      await move(client, id, "delivering");
      await move(client, id, "delivered");
      expect(await move(client, id, "pending")).toMatchObject({
        attempt_count: 0,
        delivered_at: null,
        replayed_at: expect.any(Date),
      });
    }));

  test("always sends the same to the same receiver, once for each event", () =>
    as("system", async (client) => {
      const delivery = await deliver(client);
      for (const change of ["payload = '{}'", "event_id = uuidv7()", "webhook_subscription_id = uuidv7()"])
        expect(
          await refusal(client, `update events.webhook_deliveries set ${change} where id = $1`, [delivery.id]),
        ).toMatchObject({ code: "RH005" });
      const { webhook_subscription_id, event_id, event_type, payload } = delivery;
      await expect(
        insert(client, "webhook_deliveries", { webhook_subscription_id, event_id, event_type, payload }),
      ).rejects.toMatchObject({ constraint: "webhook_deliveries_webhook_subscription_id_event_id_key" });
    }));
});
