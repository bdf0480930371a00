import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { inTenant, skipPauses, startTestWorker } from "../support/jobs.ts";
import { until } from "../support/until.ts";
import { callHook, createSource, sign, type Source } from "../support/webhooks.ts";
import type { WorkerApp } from "../../worker/app.ts";

let server: TestServer;
let worker: WorkerApp;
let ann: Somebody;
let source: Source;

beforeAll(async () => {
  server = await startTestServer();
  worker = await startTestWorker(server.database);
  ann = await createSomebody(server, "manager");
  source = await createSource(server, ann, { signatureScheme: "GITHUB" });
});
afterAll(async () => {
  await worker?.stop();
  await server?.remove();
});

/** Sends an event, and waits until it has as many outcomes. */
async function send(body: string): Promise<string> {
  expect((await callHook(source.url, body, sign.github(source.secret, body))).status).toBe(202);
  const { rows } = await server.database.admin.query("select id from pipeline.webhook_events order by id desc limit 1");
  return rows[0].id;
}

const outcomes = async (id: string) =>
  (
    await server.database.admin.query<{ outcome: string; error_code: string | null }>(
      "select outcome, error_code from pipeline.webhook_event_outcomes where webhook_event_id = $1 order by id",
      [id],
    )
  ).rows;

const untilOutcomes = (id: string, count: number) =>
  until(`the event has ${count} outcomes`, async () => {
    const rows = await outcomes(id);
    return rows.length >= count && rows;
  });

const reprocess = async (id: string, token = ann.token()) => {
  const found = await server.post(`{ webhookEventByRowId(rowId: "${id}") { id } }`, { token: ann.token("manager") });
  const variables = { id: found.data.webhookEventByRowId.id };
  return server.post(
    "mutation ($id: ID!) { reprocessWebhookEvent(input: { webhookEventId: $id }) { webhookEvent { verdict } } }",
    { token, variables },
  );
};

test("an event that nothing waits for is ignored, and has a further outcome each time it is processed again", async () => {
  const id = await send('{"action":"opened"}');
  expect(await untilOutcomes(id, 1)).toEqual([{ outcome: "ignored", error_code: null }]);
  expect((await reprocess(id)).data.reprocessWebhookEvent.webhookEvent).toEqual({ verdict: "VALID" });
  expect(await untilOutcomes(id, 2)).toHaveLength(2);
});

test("members and other tenants cannot process an event again, and nobody one that was refused", async () => {
  const id = await send('{"action":"closed"}');
  await untilOutcomes(id, 1);
  const bob = await createSomebody(server, "manager");
  const code = async (...given: Parameters<typeof reprocess>) =>
    (await reprocess(...given)).errors![0]!.extensions["code"];
  expect(await code(id, ann.token("member"))).toBe("FORBIDDEN");
  expect(await code(id, bob.token())).toBe("NOT_FOUND");
  expect((await callHook(source.url, "{}", sign.github("another secret", "{}"))).status).toBe(401);
  const { rows } = await server.database.admin.query("select id from pipeline.webhook_events order by id desc limit 1");
  expect(await code(rows[0].id)).toBe("INVALID_STATE");
  expect(await outcomes(id)).toHaveLength(1);
  expect(await outcomes(rows[0].id)).toEqual([]);
});

test("an event whose processing fails for good has an outcome that says so, and can be processed again", async () => {
  const breaking = (body: string) =>
    server.database.admin.query(
      `create or replace function pipeline.process_webhook_event(p_event_id uuid) returns pipeline.webhook_outcome
       language plpgsql security definer set search_path to pg_catalog as $$ begin ${body} end $$`,
    );
  const { rows } = await server.database.admin.query<{ text: string }>(
    "select pg_get_functiondef('pipeline.process_webhook_event(uuid)'::regprocedure) as text",
  );
  await breaking("raise exception 'inside'; return null;");
  const id = await send('{"action":"edited"}');
  await until("it was given up", async () => {
    await skipPauses(server.database);
    return (await outcomes(id)).length > 0;
  });
  expect(await outcomes(id)).toEqual([{ outcome: "failed", error_code: "INTERNAL" }]);
  await server.database.admin.query(rows[0]!.text);
  await reprocess(id);
  expect((await untilOutcomes(id, 2)).map(({ outcome }) => outcome)).toEqual(["failed", "ignored"]);
});

test("an event that was stored and not judged is kept, and not processed", async () => {
  const { id } = await inTenant(server.database, ann.tenantId, async (client) => {
    const made = "insert into pipeline.webhook_events (webhook_source_id, raw_body) values ($1, 'x') returning id";
    return (await client.query<{ id: string }>(made, [source.rowId])).rows[0]!;
  });
  expect((await reprocess(id)).errors![0]!.extensions["code"]).toBe("INVALID_STATE");
});
