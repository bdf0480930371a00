import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createMetrics } from "../../lib/metrics.ts";
import type { WorkerApp } from "../../worker/app.ts";
import type { Json, Sender } from "../support/graphql-api.ts";
import { startTestWorker, testConfig } from "../support/jobs.ts";
import { startMailServer, type MailServer } from "../support/mail-server.ts";
import { startWebhookWorld, webhookSettings, type WebhookWorld } from "../support/outgoing-webhooks.ts";
import { until } from "../support/until.ts";

let world: WebhookWorld;
let mails: MailServer;
let admin: Sender;
const workers: WorkerApp[] = [];

beforeAll(async () => {
  world = await startWebhookWorld();
  mails = await startMailServer();
});
beforeEach(async () => {
  admin = await world.createAdmin();
});
afterEach(async () => {
  world.receiver.answer = () => ({ status: 204 });
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});
afterAll(async () => {
  await mails?.close();
  await world?.close();
});

const startWorker = async (settings: Record<string, string> = {}) => {
  const worker = await world.startWorker({
    ROWHOUSE_SMTP_URL: mails.url,
    ROWHOUSE_MAIL_FROM: "rowhouse@example.com",
    ...settings,
  });
  workers.push(worker);
  return worker;
};

const act = async (mutation: string) => (await world.api.ask(admin, `mutation { ${mutation} }`)) as Json;
const refusal = async (mutation: string, sender = admin) =>
  (await world.api.send(sender, `mutation { ${mutation} }`)).errors?.[0]?.extensions["code"];
const subscription = async (id: string) =>
  (
    await world.api.ask(
      admin,
      `query($id: ID!) { webhookSubscription(id: $id) { status disabledReason disabledAt failureCount failingSince } }`,
      { id },
    )
  ).webhookSubscription;
const untilDisabled = (id: string) =>
  until("it is disabled", async () => {
    const row = await subscription(id);
    return row.status === "DISABLED" && row;
  });
const enable = (id: string) =>
  act(`updateWebhookSubscription(input: {id: "${id}", patch: {status: ACTIVE}}) { webhookSubscription { status } }`);
const namesTo = (path: string) =>
  world.receiver.received.filter((each) => each.path === path).map(({ body }) => body.data.rows?.[0].firstName);

/** An admin of the tenant who gets mails. */
async function addMember(role: string): Promise<string> {
  const email = `${role}-${Date.now()}@example.com`;
  await world.database.admin.query(
    `with u as (insert into iam.users (email, name) values ($2, 'Somebody') returning id)
     insert into iam.memberships (tenant_id, user_id, role) select $1, u.id, $3 from u`,
    [admin.tenantId, email, role],
  );
  return email;
}

test("a receiver that answers 410 is sent nothing more until somebody switches it on", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  world.receiver.answer = () => ({ status: 410, body: "gone for good" });
  await startWorker();
  await world.createContact(admin, "Gone");
  expect(await untilDisabled(hook.id)).toMatchObject({ disabledReason: "GONE" });
  expect(await world.deliveries(admin, hook.id)).toMatchObject([{ status: "DEAD", responseStatus: 410 }]);
  await world.createContact(admin, "Unheard");
  expect(await refusal(`testWebhookSubscription(input: {webhookSubscriptionId: "${hook.id}"}) { __typename }`)).toBe(
    "INVALID_STATE",
  );
  world.receiver.answer = () => ({ status: 200 });
  await enable(hook.id);
  await world.createContact(admin, "Again");
  await world.receiver.take(hook.path, 2);
  expect(namesTo(hook.path)).toEqual(["Gone", "Again"]);
});

test("one that fails again and again is disabled: its admins get a mail, the feed an event, the audit log an entry", async () => {
  const [owner, boss, plain] = [await addMember("owner"), await addMember("admin"), await addMember("member")];
  const hook = await world.subscribe(admin, ["contact.created"]);
  const other = await world.subscribe(admin, ["webhook_subscription.*"]);
  world.receiver.answer = ({ path }) => ({ status: path === hook.path ? 500 : 200 });
  const metrics = createMetrics("worker");
  const config = testConfig("data", {
    ...webhookSettings,
    ROWHOUSE_SMTP_URL: mails.url,
    ROWHOUSE_MAIL_FROM: "rowhouse@example.com",
    ROWHOUSE_WEBHOOK_RETRY_SECONDS: "0",
    ROWHOUSE_WEBHOOK_DISABLE_DEATHS: "3",
    ROWHOUSE_WEBHOOK_SUBSCRIPTION_CONCURRENCY: "1",
  });
  workers.push(await startTestWorker(world.database, { config, metrics }));
  for (const name of ["a", "b", "c", "d"]) await world.createContact(admin, name);
  const row = await untilDisabled(hook.id);
  expect(row).toMatchObject({ disabledReason: "FAILING", failureCount: 3, failingSince: expect.any(String) });
  const statuses = async () => (await world.deliveries(admin, hook.id)).map(({ status }) => status);
  expect(await statuses()).toEqual(["DEAD", "DEAD", "DEAD", expect.stringMatching(/^(PENDING|FAILED)$/)]);
  for (const address of [owner, boss]) {
    const mail = await mails.mailTo(address);
    expect(mail.text).toMatch(/was switched off at .* because deliveries to it failed again and again/);
  }
  expect(mails.mails.filter(({ to }) => to.includes(plain))).toEqual([]);
  const [told] = await world.receiver.take(other.path, 1);
  expect(told!.body).toMatchObject({
    type: "webhook_subscription.disabled",
    data: { subjectId: hook.id, payload: { disabledReason: "FAILING" } },
  });
  const audit = await world.database.admin.query(
    "select new_values from audit.audit_logs where tenant_id = $1 and new_values ->> 'status' = 'disabled'",
    [admin.tenantId],
  );
  expect(audit.rows).toMatchObject([{ new_values: { disabled_reason: "failing" } }]);
  const text = await metrics.metrics();
  expect(text).toMatch(/rowhouse_webhook_attempts_total\{outcome="dead",[^}]*\} 3/);
  expect(text).toMatch(/rowhouse_webhook_attempts_total\{outcome="failed",[^}]*\} [34]/);
  expect(text).toMatch(/rowhouse_webhook_subscriptions_disabled_total\{[^}]*\} 1/);

  // What waited goes on when it is switched on again.
  world.receiver.answer = () => ({ status: 200 });
  await enable(hook.id);
  await until("what waited is told", async () => (await statuses()).at(-1) === "DELIVERED");
  expect(await subscription(hook.id)).toMatchObject({ status: "ACTIVE", failureCount: 0, disabledAt: null });
});

test("one to which nothing has gone through for days is disabled, whatever the number of its failures", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  world.receiver.answer = () => ({ status: 500 });
  await startWorker({ ROWHOUSE_WEBHOOK_DISABLE_DAYS: "3", ROWHOUSE_WEBHOOK_RETRY_SECONDS: "600" });
  await world.createContact(admin);
  await world.untilDeliveries(admin, hook.id, ([one]) => one?.status === "FAILED");
  expect((await subscription(hook.id)).status).toBe("ACTIVE");
  await world.database.admin.query(
    "update events.webhook_subscriptions set failing_since = now() - interval '73 hours' where tenant_id = $1",
    [admin.tenantId],
  );
  await world.createContact(admin);
  expect(await untilDisabled(hook.id)).toMatchObject({ disabledReason: "FAILING", failureCount: 0 });
});

test("a delivery that is over is sent once more on demand: the same id and body, tried from the beginning", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  await startWorker();
  const id = await world.createContact(admin, "Once");
  const [first] = await world.receiver.take(hook.path, 1);
  const [delivery] = await world.untilDeliveries(admin, hook.id, ([one]) => one.status === "DELIVERED");
  await world.renameContact(admin, id, "Changed since");
  const replay = `replayWebhookDelivery(input: {webhookDeliveryId: "${delivery.id}"}) { webhookDelivery { status } }`;
  expect((await act(replay)).replayWebhookDelivery.webhookDelivery.status).toBe("PENDING");
  const [, second] = await world.receiver.take(hook.path, 2);
  expect([second!.id, second!.text]).toEqual([first!.id, first!.text]);
  await world.untilDeliveries(admin, hook.id, ([one]) => one.status === "DELIVERED" && one.attemptCount === 1);
  expect(await refusal(replay, { ...admin, role: "manager" })).toBe("FORBIDDEN");
  expect(await refusal(replay, { ...(await world.createAdmin()), role: "admin" })).toBe("NOT_FOUND");
});

test("a stretch of the feed is sent once more in its order: what was told, what was given up, and what was never told", async () => {
  const hook = await world.subscribe(admin, ["contact.*"]);
  const worker = await startWorker();
  const contact = await world.createContact(admin, "told 1");
  await world.renameContact(admin, contact, "told 2");
  await world.receiver.take(hook.path, 2);
  await world.untilDeliveries(admin, hook.id, (all) => all.every(({ status }) => status === "DELIVERED"));
  const { events } = await world.api.ask(admin, "{ events(first: 10) { nodes { cursor type } } }");
  const created = events.nodes.find(({ type }: Json) => type === "contact.created");
  await act(
    `updateWebhookSubscription(input: {id: "${hook.id}", patch: {status: DISABLED}}) { webhookSubscription { id } }`,
  );
  await world.renameContact(admin, contact, "missed 3");
  await enable(hook.id);
  await world.renameContact(admin, contact, "told 4");
  await world.receiver.take(hook.path, 3);
  expect(namesTo(hook.path)).toEqual(["told 1", "told 2", "told 4"]);
  expect(workers).toContain(worker);

  const replay = (range: string) =>
    `replayWebhookEvents(input: {webhookSubscriptionId: "${hook.id}", ${range}}) { webhookReplay { id status } }`;
  await act(replay(`after: "${created.cursor}"`));
  const all = await world.receiver.take(hook.path, 6);
  // What was never told has no kept row: nobody was to be told when it happened.
  expect(namesTo(hook.path).slice(3)).toEqual(["told 2", undefined, "told 4"]);
  expect(all[3]!.id).toBe(all[1]!.id);
  const { webhookReplays } = await world.api.ask(
    admin,
    "{ webhookReplays { nodes { status eventCount subscription { id } finishedAt } } }",
  );
  expect(webhookReplays.nodes).toMatchObject([{ eventCount: "3", subscription: { id: hook.id } }]);
  await act(
    replay(
      `since: "${new Date(Date.now() - 60_000).toISOString()}", until: "${new Date(Date.now() - 59_000).toISOString()}"`,
    ),
  );
  expect(await refusal(replay(`until: "2026-01-01T00:00:00Z"`))).toBe("VALIDATION_FAILED");
  expect(await refusal(replay(`after: "nonsense"`))).toBe("VALIDATION_FAILED");
});

test("a test sends a ping that the secret of the subscription signs, whatever types it asks for", async () => {
  const hook = await world.subscribe(admin, ["lead.created"]);
  await startWorker();
  await act(
    `testWebhookSubscription(input: {webhookSubscriptionId: "${hook.id}"}) { webhookDelivery { id eventType } }`,
  );
  const [ping] = await world.receiver.take(hook.path, 1);
  expect(ping!.body).toMatchObject({ type: "webhook.ping", timestamp: expect.any(String), data: {} });
});

test("a subscription gets so many at a time and no more, and one with much to tell does not keep others waiting", async () => {
  const other = await world.createAdmin();
  const [busy, quiet] = [
    await world.subscribe(admin, ["contact.created"]),
    await world.subscribe(other, ["contact.created"]),
  ];
  let [now, most] = [0, 0];
  world.receiver.answer = ({ path }) => {
    if (path !== busy.path) return { status: 200 };
    most = Math.max(most, ++now);
    setTimeout(() => now--, 280);
    return { status: 200, afterMs: 300 };
  };
  for (let i = 0; i < 40; i++) await world.createContact(admin, `busy ${i}`);
  await world.createContact(other, "quiet");
  await startWorker({ ROWHOUSE_WEBHOOK_SUBSCRIPTION_CONCURRENCY: "3", ROWHOUSE_WEBHOOK_CONCURRENCY: "6" });
  await world.receiver.take(quiet.path, 1);
  expect(namesTo(busy.path).length).toBeLessThan(30);
  await world.receiver.take(busy.path, 40);
  expect(most).toBe(3);
});

test("what was over long ago is forgotten, what waits never is", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  const worker = await startWorker();
  for (const name of ["old", "new"]) await world.createContact(admin, name);
  await world.untilDeliveries(admin, hook.id, (all) => all.filter(({ status }) => status === "DELIVERED").length === 2);
  await act(
    `updateWebhookSubscription(input: {id: "${hook.id}", patch: {url: "https://hooks.test/"}}) { webhookSubscription { id } }`,
  );
  await act(`testWebhookSubscription(input: {webhookSubscriptionId: "${hook.id}"}) { webhookDelivery { id } }`);
  const client = await world.database.admin.connect();
  await client.query("set session_replication_role = replica");
  const aged = await client.query(
    `update events.webhook_deliveries set id = overlay(id::text placing '01900000' from 1 for 8)::uuid, updated_at = now() - interval '31 days'
     where tenant_id = $1 and (payload #>> '{data,rows,0,firstName}' = 'old' or event_type = 'webhook.ping')`,
    [admin.tenantId],
  );
  await client.query("reset session_replication_role");
  client.release();
  expect(aged.rowCount).toBe(2);
  await queueMaintenance(worker);
  const left = await world.untilDeliveries(admin, hook.id, (all) => all.length === 2);
  expect(left.map(({ eventType }) => eventType).sort()).toEqual(["contact.created", "webhook.ping"]);
});

/** Has the worker clear away, as it does each hour. */
const queueMaintenance = (worker: WorkerApp) =>
  worker.pool.query("select graphile_worker.add_job('forget_webhook_deliveries')");
