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

test("an event sets the automations of its source going, which run blueprints on what it says, with its correlation", async () => {
  const ask = async (query: string, variables: object) => {
    const { data, errors } = await server.post(query, { token: ann.token("manager"), variables });
    expect(errors).toBeUndefined();
    return data;
  };
  const made = await ask(
    `mutation ($steps: JSON!) { createBlueprint(input: { blueprint: { name: "Deals", versions: [{ steps: $steps }] } }) { blueprint { id } } }`,
    { steps: [{ name: "check_email", type: "email", config: {} }] },
  );
  const blueprintId = made.createBlueprint.blueprint.id;
  await ask("mutation ($id: ID!) { publishBlueprint(input: { blueprintId: $id }) { blueprint { id } } }", {
    id: blueprintId,
  });
  await ask(
    "mutation ($automation: AutomationInput!) { createAutomation(input: { automation: $automation }) { automation { id } } }",
    {
      automation: {
        ...{ name: "A deal is won", triggerType: "WEBHOOK", webhookSourceId: source.id, blueprintId },
        conditions: [{ field: "webhook.payload.action", operator: "equals", value: "won" }],
      },
    },
  );
  const lost = await send('{"action":"lost"}');
  const won = await send('{"action":"won","email":"Ann@Gmail.com"}');
  await untilOutcomes(lost, 1);
  expect((await untilOutcomes(won, 1)).map(({ outcome }) => outcome)).toEqual(["processed"]);
  const run = await until("the blueprint was run", async () => {
    const { rows } = await server.database.admin.query(
      `select r.status, r.trigger_type, r.correlation_id = e.correlation_id as is_correlated, a.inline_data
       from pipeline.pipeline_runs r join pipeline.webhook_events e on e.id = r.webhook_event_id
       join pipeline.artifacts a on a.id = r.output_artifact_id where e.id = $1`,
      [won],
    );
    return rows[0];
  });
  expect(run).toMatchObject({ status: "completed", trigger_type: "webhook", is_correlated: true });
  expect(run.inline_data).toMatchObject([{ action: "won", email: "ann@gmail.com", emailStatus: "valid" }]);
  const { rows } = await server.database.admin.query("select webhook_event_id from pipeline.pipeline_runs");
  expect(rows).toEqual([{ webhook_event_id: won }]);
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
