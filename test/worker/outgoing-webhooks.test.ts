import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import { parseTypeId } from "../../lib/type-id.ts";
import type { WorkerApp } from "../../worker/app.ts";
import type { Json, Sender } from "../support/graphql-api.ts";
import { startWebhookWorld, type Subscription, type WebhookWorld } from "../support/outgoing-webhooks.ts";
import { until } from "../support/until.ts";
import type { ReceivedWebhook } from "../support/webhook-receiver.ts";

let world: WebhookWorld;
let admin: Sender;
const workers: WorkerApp[] = [];

beforeAll(async () => {
  world = await startWebhookWorld();
});
beforeEach(async () => {
  admin = await world.createAdmin();
});
afterEach(async () => {
  world.receiver.answer = () => ({ status: 204 });
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});
afterAll(() => world?.close());

const startWorker = async (settings?: Record<string, string>) => {
  const worker = await world.startWorker(settings);
  workers.push(worker);
  return worker;
};

/** Verifies as a receiver does. */
const verify = (secret: string, { text, headers }: ReceivedWebhook) =>
  new Webhook(secret).verify(text, headers as Record<string, string>);

const uuidOf = (typeId: string) => parseTypeId(typeId)!.uuid;
const types = (webhooks: readonly ReceivedWebhook[]) => webhooks.map(({ body }) => body.type);
const names = (webhooks: readonly ReceivedWebhook[]) => webhooks.map(({ body }) => body.data.rows[0].firstName);

/** Runs a mutation of one id and gives what it answers. */
const act = async (sender: Sender, mutation: string) =>
  (await world.api.ask(sender, `mutation { ${mutation} }`)) as Json;

test("an event is told with a signature that Standard Webhooks verifies, and with its row as the API shows it", async () => {
  const hook = await world.subscribe(admin, ["contact.*"]);
  await startWorker();
  const id = await world.createContact(admin, "Grace");
  const [webhook] = (await world.receiver.take(hook.path, 1)) as [ReceivedWebhook];
  expect(verify(hook.secret, webhook)).toEqual(webhook.body);
  expect(() => verify(hook.secret, { ...webhook, text: `${webhook.text} ` })).toThrow();
  expect(webhook.headers).toMatchObject({
    "content-type": "application/json",
    "user-agent": expect.stringMatching(/^Rowhouse/),
    "webhook-id": webhook.body.data.id,
    "webhook-timestamp": expect.stringMatching(/^\d{10}$/),
    "webhook-signature": expect.stringMatching(/^v1,\S+$/),
  });
  const { contact } = await world.api.ask(
    admin,
    `query($id: ID!) { contact(id: $id) {
      id firstName displayName status timeZone createdAt updatedAt deletedAt } }`,
    { id },
  );
  const { createdAt, updatedAt, ...plain } = contact;
  expect(webhook.body).toMatchObject({ type: "contact.created", timestamp: webhook.body.data.createdAt });
  expect(webhook.body.data).toMatchObject({ subjectType: "contacts", subjectId: id, keys: [id], rowCount: 1 });
  expect(webhook.body.data.rows).toEqual([expect.objectContaining(plain)]);
  expect(Date.parse(webhook.body.data.rows[0].createdAt)).toBe(Date.parse(createdAt));
  expect(Date.parse(webhook.body.data.rows[0].updatedAt)).toBe(Date.parse(updatedAt));
  for (const hidden of ["tenantId", "tenant_id", "rowId", "search"]) expect(webhook.text).not.toContain(`"${hidden}`);
});

test("every column of a webhook's row is a field of the API, and the other way round", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  await startWorker();
  await world.createContact(admin, "Fields");
  const [webhook] = (await world.receiver.take(hook.path, 1)) as [ReceivedWebhook];
  const { __type } = await world.api.ask(admin, `{ __type(name: "Contact") { fields { name } } }`);
  const fields = new Set(__type.fields.map(({ name }: Json) => name));
  expect(Object.keys(webhook.body.data.rows[0]).filter((name) => !fields.has(name))).toEqual([]);
});

test("what is told is fixed when the event happens, whatever becomes of the row before it is sent", async () => {
  const hook = await world.subscribe(admin, ["contact.*"]);
  const id = await world.createContact(admin, "First");
  await world.renameContact(admin, id, "Second");
  await act(admin, `deleteContact(input: {id: "${id}"}) { contact { id } }`);
  await startWorker();
  const webhooks = await world.receiver.take(hook.path, 3);
  expect(types(webhooks)).toEqual(["contact.created", "contact.updated", "contact.deleted"]);
  expect(names(webhooks)).toEqual(["First", "Second", "Second"]);
  expect(webhooks[1]!.body.data.changedFields).toContain("firstName");
  expect(webhooks.map(({ body }) => body.data.rows[0].deletedAt)).toEqual([null, null, expect.any(String)]);
});

test("only types that are asked for are told, only to the tenant's own subscriptions, and nothing from before", async () => {
  const other = await world.createAdmin();
  await world.createContact(admin, "Before");
  const leads = await world.subscribe(admin, ["lead.created"]);
  const theirs = await world.subscribe(other, []);
  const mine = await world.subscribe(admin, ["contact.created", "lead.*"]);
  await startWorker();
  await world.createContact(admin, "After");
  const webhooks = await world.receiver.take(mine.path, 1);
  expect(names(webhooks)).toEqual(["After"]);
  expect(await world.deliveries(admin, leads.id)).toEqual([]);
  expect(await world.deliveries(other, theirs.id)).toEqual([]);
});

test("a failure is tried again after a growing pause, with the same id and body, signed anew", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  let calls = 0;
  world.receiver.answer = () => (++calls < 4 ? { status: 503, body: "not\0now" } : { status: 200, body: "thanks" });
  await startWorker();
  await world.createContact(admin, "Retry");
  const webhooks = await world.receiver.take(hook.path, 4);
  expect(new Set(webhooks.map(({ id, text }) => `${id} ${text}`)).size).toBe(1);
  for (const webhook of webhooks) verify(hook.secret, webhook);
  const pauses = webhooks.slice(1).map(({ at }, i) => at - webhooks[i]!.at);
  expect(pauses[0]).toBeGreaterThanOrEqual(155);
  expect(pauses[1]).toBeGreaterThanOrEqual(315);
  expect(pauses[2]).toBeGreaterThanOrEqual(475);
  const [delivery] = await world.untilDeliveries(admin, hook.id, ([one]) => one.status === "DELIVERED");
  expect(delivery).toMatchObject({ attemptCount: 4, responseStatus: 200, responseBody: "thanks", errorCode: null });
});

test("after the last pause it is dead, which the log shows with the answer, cut to its beginning", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  world.receiver.answer = () => ({ status: 500, body: "x".repeat(100_000) });
  await startWorker({ ROWHOUSE_WEBHOOK_RETRY_SECONDS: "0" });
  await world.createContact(admin);
  const [delivery] = await world.untilDeliveries(admin, hook.id, ([one]) => one?.status === "DEAD");
  expect(delivery).toMatchObject({ attemptCount: 2, responseStatus: 500, errorCode: "HTTP_500", nextAttemptAt: null });
  expect(delivery.responseBody).toHaveLength(2000);
});

test("nothing of a subject is sent before what came before it is over, and other subjects go on meanwhile", async () => {
  const hook = await world.subscribe(admin, ["contact.*"]);
  const [slow, quick] = [await world.createContact(admin, "slow 0"), await world.createContact(admin, "quick 0")];
  for (const n of [1, 2, 3]) {
    await world.renameContact(admin, slow, `slow ${n}`);
    await world.renameContact(admin, quick, `quick ${n}`);
  }
  let isMended = false;
  world.receiver.answer = ({ body }) => ({ status: body.data.subjectId === slow && !isMended ? 500 : 200 });
  await startWorker({ ROWHOUSE_WEBHOOK_RETRY_SECONDS: Array(60).fill("0.1").join() });
  const of = (id: string) => world.receiver.received.filter((each) => each.body.data?.subjectId === id);
  await until("the quick one is told of", async () => of(quick).length === 4);
  await until("the slow one was tried", async () => of(slow).length > 2);
  expect(new Set(names(of(slow)))).toEqual(new Set(["slow 0"]));
  expect((await world.deliveries(admin, hook.id)).filter(({ isBlocked }) => isBlocked)).toHaveLength(3);
  isMended = true;
  await until("the slow one is told of", async () => of(slow).at(-1)!.body.data.rows[0].firstName === "slow 3");
  expect([...new Set(names(of(slow)))]).toEqual(["slow 0", "slow 1", "slow 2", "slow 3"]);
  expect(names(of(quick))).toEqual(["quick 0", "quick 1", "quick 2", "quick 3"]);
});

test("an event of several rows waits for what came before, and holds up what comes after it", async () => {
  const hook = await world.subscribe(admin, ["contact.*"]);
  const first = await world.createContact(admin, "one");
  const made = await act(
    admin,
    `createContacts(input: {contacts: [{firstName: "two"}, {firstName: "three"}]}) { contacts { id } }`,
  );
  await world.renameContact(admin, made.createContacts.contacts[0].id, "two again");
  world.receiver.answer = ({ body }) => ({ status: body.data.subjectId === first ? 500 : 200 });
  await startWorker({ ROWHOUSE_WEBHOOK_RETRY_SECONDS: "0.3,0.3" });
  const all = await world.untilDeliveries(
    admin,
    hook.id,
    (list) => list.length === 3 && list.every(({ status }) => ["DELIVERED", "DEAD"].includes(status)),
  );
  expect(all.map(({ status }) => status)).toEqual(["DEAD", "DELIVERED", "DELIVERED"]);
  const order = world.receiver.received.filter(({ path }) => path === hook.path);
  expect(order.map(({ body }) => body.data.rows.map(({ firstName }: Json) => firstName).join())).toEqual([
    ...Array(3).fill("one"),
    "two,three",
    "two again",
  ]);
});

test("a delivery whose worker died is taken again, and what it settles late counts no more", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  const worker = await startWorker({ ROWHOUSE_WEBHOOK_CONCURRENCY: "0" });
  await world.createContact(admin, "Lost");
  await world.untilDeliveries(admin, hook.id, ([one]) => one?.status === "PENDING");
  const claim = "select * from private.claim_webhook_deliveries(10, 10, 10, interval '1 second')";
  const { rows } = await worker.pool.query(claim);
  expect(rows).toHaveLength(1);
  expect((await worker.pool.query(claim)).rows).toEqual([]);
  await startWorker();
  const [delivery] = await world.untilDeliveries(admin, hook.id, ([one]) => one.status === "DELIVERED");
  expect(delivery).toMatchObject({ attemptCount: 2 });
  const late = { id: rows[0].id, subscription_id: uuidOf(hook.id), lease: rows[0].lease, outcome: "dead" };
  const client = await worker.pool.connect();
  await client.query("begin; set local role rowhouse_system");
  await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [admin.tenantId]);
  const settle = "select * from private.settle_webhook_deliveries($1, 3, 20)";
  expect((await client.query(settle, [JSON.stringify([late])])).rows).toEqual([]);
  await client.query("rollback");
  client.release();
});

test("after a rotation both secrets sign until the overlap ends, and neither is ever shown again", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  const rotate = async (overlapMinutes: number) =>
    (
      await act(
        admin,
        `rotateWebhookSecret(input: {webhookSubscriptionId: "${hook.id}", overlapMinutes: ${overlapMinutes}}) { secret }`,
      )
    ).rotateWebhookSecret.secret as string;
  const second = await rotate(60);
  await startWorker();
  await world.createContact(admin);
  const [both] = (await world.receiver.take(hook.path, 1)) as [ReceivedWebhook];
  expect(String(both.headers["webhook-signature"]).split(" ")).toHaveLength(2);
  for (const secret of [hook.secret, second]) verify(secret, both);
  const third = await rotate(0);
  await world.createContact(admin);
  const [, single] = (await world.receiver.take(hook.path, 2)) as [ReceivedWebhook, ReceivedWebhook];
  verify(third, single);
  for (const secret of [hook.secret, second]) expect(() => verify(secret, single)).toThrow();
  const kept = await world.database.admin.query(
    `select (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from private.webhook_subscription_secrets s)::text
       || (select jsonb_agg(to_jsonb(a)) from audit.audit_logs a)::text || (select jsonb_agg(to_jsonb(w)) from events.webhook_subscriptions w)::text as text`,
  );
  for (const secret of [hook.secret, second, third])
    expect(kept.rows[0].text).not.toContain(secret.slice("whsec_".length));
  const { errors } = await world.api.send(
    { ...admin, role: "manager" },
    `mutation { rotateWebhookSecret(input: {webhookSubscriptionId: "${hook.id}"}) { secret } }`,
  );
  expect(errors?.[0]?.extensions).toMatchObject({ code: "FORBIDDEN" });
});

test("a redirect is not followed, to this machine as little as elsewhere", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  world.receiver.answer = () => ({ status: 302, headers: { location: `${world.receiver.url}/redirected` } });
  await startWorker({ ROWHOUSE_WEBHOOK_RETRY_SECONDS: "0" });
  await world.createContact(admin);
  const [delivery] = await world.untilDeliveries(admin, hook.id, ([one]) => one?.status === "DEAD");
  expect(delivery).toMatchObject({ responseStatus: 302, errorCode: "HTTP_302" });
  expect(delivery.errorMessage).toMatch(/redirects are not followed/);
  expect(world.receiver.received.filter(({ path }) => path === "/redirected")).toEqual([]);
});

test("a private address is refused when a webhook is made, and when it is sent: to a name and in every other form", async () => {
  for (const url of ["https://127.0.0.2/", "https://2130706434/", "https://[::1]/", "http://example.com/"]) {
    await expect(world.subscribe(admin, [], url)).rejects.toThrow(/The URL/);
  }
  const before = world.receiver.received.length;
  const hooks: Subscription[] = [];
  for (const host of ["127.0.0.2", "0x7f.0.0.2", "[::ffff:127.0.0.2]"]) {
    const hook = await world.subscribe(admin, ["contact.created"]);
    hooks.push(hook);
    const url = `https://${host}:${world.receiver.port}/`;
    await act(
      admin,
      `updateWebhookSubscription(input: {id: "${hook.id}", patch: {url: "${url}"}}) { webhookSubscription { id } }`,
    );
  }
  await startWorker({ ROWHOUSE_WEBHOOK_RETRY_SECONDS: "0" });
  await world.createContact(admin);
  for (const hook of hooks) {
    const [delivery] = await world.untilDeliveries(admin, hook.id, ([one]) => one?.status === "DEAD");
    expect(delivery).toMatchObject({ errorCode: "ADDRESS_REFUSED", responseStatus: null });
  }
  expect(world.receiver.received.slice(before).filter(({ path }) => path === "/")).toEqual([]);
});

test("a receiver that does not answer in time is tried again", async () => {
  const hook = await world.subscribe(admin, ["contact.created"]);
  world.receiver.answer = () => ({ status: 200, afterMs: 3_000 });
  await startWorker({ ROWHOUSE_WEBHOOK_TIMEOUT_MS: "200", ROWHOUSE_WEBHOOK_RETRY_SECONDS: "0" });
  await world.createContact(admin);
  const [delivery] = await world.untilDeliveries(admin, hook.id, ([one]) => one?.status === "DEAD");
  expect(delivery).toMatchObject({ errorCode: "TIMEOUT", attemptCount: 2 });
});
