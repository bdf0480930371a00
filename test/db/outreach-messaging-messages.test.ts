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
  insertInto(client, `outreach.${table}`, row);
const become = (client: PoolClient, role: string) => client.query(`reset role; set local role rowhouse_${role}`);
const message = (client: PoolClient, row: Record<string, unknown> = {}) =>
  insert(client, "messages", { channel: "sms", recipient_address: "+12065550100", body: "Hello", ...row });
const move = async (client: PoolClient, id: string, status: string) =>
  (await client.query("update outreach.messages set status = $2 where id = $1 returning *", [id, status])).rows[0];

describe("a message", () => {
  const possible: Record<string, string[]> = {
    queued: ["sending", "suppressed", "cancelled", "failed"],
    sending: ["sent", "delivered", "bounced", "failed", "queued", "suppressed"],
    sent: ["delivered", "bounced", "failed"],
    delivered: ["bounced"],
    failed: ["queued", "dead", "cancelled"],
    dead: ["queued"],
    bounced: [],
    suppressed: [],
    cancelled: [],
  };

  test.each(Object.keys(possible))("that is %s takes the steps there are, and no other", (from) =>
    as("system", async (client) => {
      const { id } = await message(client, { status: from });
      for (const to of [...Object.keys(possible), "received"].filter((status) => status !== from)) {
        const outcome = await refusal(client, "update outreach.messages set status = $2 where id = $1", [id, to]);
        const expected = possible[from]!.includes(to)
          ? { message: expect.stringMatching(/^Nothing refused/) }
          : { code: "RH006" };
        expect({ from, to, outcome }).toMatchObject({ from, to, outcome: expected });
      }
    }),
  );

  test("notes when it was sent, arrived and failed, and counts how often it was tried again", () =>
    as("system", async (client) => {
      const { id } = await message(client);
      await move(client, id, "sending");
      expect(await move(client, id, "queued")).toMatchObject({ retry_count: 0, sent_at: null });
      for (const n of [1, 2]) {
        await move(client, id, "sending");
        expect(await move(client, id, "failed")).toMatchObject({ failed_at: expect.any(Date) });
        expect(await move(client, id, "queued")).toMatchObject({ retry_count: n });
      }
      await move(client, id, "sending");
      expect(await move(client, id, "delivered")).toMatchObject({
        retry_count: 2,
        sent_at: expect.any(Date),
        delivered_at: expect.any(Date),
      });
      expect(await move(client, id, "bounced")).toMatchObject({ failed_at: expect.any(Date) });
    }));

  test("that came in is received, and nothing else", () =>
    as("system", async (client) => {
      const { id } = await message(client, { direction: "inbound", status: "received" });
      expect(await refusal(client, "update outreach.messages set status = 'queued' where id = $1", [id])).toMatchObject(
        { code: "RH006" },
      );
      const insertion =
        "insert into outreach.messages (channel, recipient_address, direction, status) values ('sms', '+12065550100', $1, $2)";
      for (const wrong of [
        ["inbound", "sent"],
        ["outbound", "received"],
      ])
        expect(await refusal(client, insertion, wrong)).toMatchObject({ constraint: "messages_direction_check" });
    }));

  test("is told by its references what brought it about, of which there is one", () =>
    as("system", async (client) => {
      const { id: campaign_id } = await insert(client, "campaigns", { name: "Spring", channel: "sms" });
      const { id: contact_id } = await insertInto(client, "crm.contacts", { first_name: "Ann" });
      const { id: sequence_id } = await insert(client, "sequences", { name: "Follow up" });
      const { id: sequence_enrollment_id } = await insert(client, "sequence_enrollments", { sequence_id, contact_id });
      expect(await message(client)).toMatchObject({ source_type: "direct" });
      expect(await message(client, { campaign_id })).toMatchObject({ source_type: "campaign" });
      expect(await message(client, { sequence_enrollment_id })).toMatchObject({ source_type: "sequence" });
      const both = `insert into outreach.messages (channel, recipient_address, campaign_id, sequence_enrollment_id) values ('sms', '+1', $1, $2)`;
      expect(await refusal(client, both, [campaign_id, sequence_enrollment_id])).toMatchObject({
        constraint: "messages_source_check",
      });
    }));

  test("is known once to its provider", () =>
    as("system", async (client) => {
      await message(client, { provider: "twilio", external_id: "SM1" });
      await message(client, { provider: "vonage", external_id: "SM1" });
      const insertion =
        "insert into outreach.messages (channel, recipient_address, provider, external_id) values ('sms', '+1', $1, 'SM1')";
      expect(await refusal(client, insertion, ["twilio"])).toMatchObject({
        constraint: "messages_provider_external_id_key",
      });
      expect(await refusal(client, insertion, [null])).toMatchObject({
        constraint: "messages_external_id_provider_check",
      });
    }));

  test("by e-mail has addresses in lower case", () =>
    as("system", async (client) => {
      const insertion =
        "insert into outreach.messages (channel, recipient_address, sender_address) values ('email', $1, $2)";
      for (const wrong of [
        ["Ann@example.test", null],
        ["Ann@example.test", "us@example.test"],
        ["ann@example.test", "Us@example.test"],
      ])
        expect(await refusal(client, insertion, wrong)).toMatchObject({ constraint: "messages_addresses_check" });
      await client.query(insertion, ["ann@example.test", null]);
    }));

  test("is nobody's to write by hand, not even an admin's", () =>
    as("admin", async (client) => {
      for (const sql of [
        "insert into outreach.messages default values",
        "update outreach.messages set body = 'x'",
        "delete from outreach.messages",
      ])
        expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
    }));
});

test("what happened to a message is written once and for all, and once per event of the provider", () =>
  as("system", async (client) => {
    const { id } = await message(client);
    const log =
      "insert into outreach.message_delivery_logs (message_id, event, provider_event_id) values ($1, 'delivered', $2)";
    for (const event of ["e1", "e2", null, null]) await client.query(log, [id, event]);
    expect(await refusal(client, log, [id, "e1"])).toMatchObject({
      constraint: "message_delivery_logs_provider_event_id_key",
    });
    for (const sql of [
      "update outreach.message_delivery_logs set event = 'opened'",
      "delete from outreach.message_delivery_logs",
    ])
      expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
    await client.query("delete from outreach.messages where id = $1", [id]);
    expect(
      (await client.query("select from outreach.message_delivery_logs where message_id = $1", [id])).rowCount,
    ).toBe(0);
  }));

test("a dead letter waits once per message, and is replayed once, by a manager", () =>
  as("system", async (client) => {
    const { id } = await message(client, { status: "failed", retry_count: 5, error_message: "No route" });
    const bury = () =>
      insert(client, "message_dead_letters", {
        message_id: id,
        payload: '{"to": "+1"}',
        error_message: "No route",
        attempt_count: 6,
      });
    const letter = await bury();
    expect(
      await refusal(
        client,
        "insert into outreach.message_dead_letters (message_id, payload, error_message) values ($1, '{}', 'x')",
        [id],
      ),
    ).toMatchObject({ constraint: "message_dead_letters_message_id_key" });
    const replay = "select * from outreach.replay_dead_letter($1)";
    await become(client, "member");
    expect(await refusal(client, replay, [letter.id])).toMatchObject({ code: "42501" });
    await become(client, "manager");
    expect(await refusal(client, replay, [letter.id])).toMatchObject({
      code: "RH006",
      message: `Message ${id} is failed, not dead: there is nothing to replay.`,
    });
    await become(client, "system");
    await move(client, id, "dead");
    await become(client, "manager");
    const { rows } = await client.query(replay, [letter.id]);
    expect(rows[0]).toMatchObject({ replayed_at: expect.any(Date), replayed_by: actorId, payload: { to: "+1" } });
    const replayed = (await client.query("select * from outreach.messages where id = $1", [id])).rows[0];
    expect(replayed).toMatchObject({ status: "queued", retry_count: 0, error_message: null });
    expect(await refusal(client, replay, [letter.id])).toMatchObject({ code: "RH006" });
    expect(await refusal(client, replay, [tenantId])).toMatchObject({ code: "RH002" });
    await become(client, "system");
    await bury();
  }));

test("a tenant that is deleted takes everything of outreach with it", async () => {
  const { tenantId: doomed } = (await createTenant(database, "doomed")) as { tenantId: string };
  await asTenant(
    database,
    { tenantId: doomed },
    async (client) => {
      const { id: parent_id } = await insert(client, "template_categories", { name: "a" });
      const { id: category_id } = await insert(client, "template_categories", { name: "b", parent_id });
      const { id: template_id } = await insert(client, "templates", { name: "t", channel: "sms", category_id });
      const version = await insert(client, "template_versions", {
        template_id,
        status: "published",
        published_at: new Date(),
      });
      await client.query("update outreach.templates set current_version_id = $1", [version.id]);
      const { id: campaign_id } = await insert(client, "campaigns", { name: "c", channel: "sms", template_id });
      const { id: variant_id } = await insert(client, "campaign_variants", { campaign_id, template_id, label: "A" });
      const { id: contact_id } = await insertInto(client, "crm.contacts", { first_name: "Ann" });
      const { id: message_id } = await message(client, { campaign_id, contact_id, template_version_id: version.id });
      await insert(client, "message_delivery_logs", { message_id, event: "sent" });
      await insert(client, "campaign_recipients", { campaign_id, contact_id, variant_id, message_id });
    },
    { commit: true },
  );
  const client = await database.admin.connect();
  await client.query("select set_config('jwt.claims.tenant_id', $1, false)", [doomed]);
  await client.query("delete from iam.tenants where id = $1", [doomed]);
  client.release(true);
  const { rowCount } = await database.admin.query("select from outreach.templates where tenant_id = $1", [doomed]);
  expect(rowCount).toBe(0);
});
