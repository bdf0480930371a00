import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { inTenant, startTestWorker } from "../support/jobs.ts";
import { until } from "../support/until.ts";
import { callHook, createSource, readEvents, sign, stripeBody, unixNow, type Source } from "../support/webhooks.ts";
import type { WorkerApp } from "../../worker/app.ts";

let server: TestServer;
let worker: WorkerApp;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer({ ROWHOUSE_PUBLIC_URL: "https://hooks.example.com" });
  worker = await startTestWorker(server.database);
  ann = await createSomebody(server, "admin");
});
afterAll(async () => {
  await worker?.stop();
  await server?.remove();
});

/** Calls an address whose server stores the call, and gets no further. */
async function leave(
  source: Source,
  secondsAgo: number,
  body: string,
  headers: Record<string, string | string[]> = {},
): Promise<string> {
  const { admin } = server.database;
  await admin.query("alter function private.judge_webhook_event rename to judge_no_more");
  try {
    expect((await callHook(source.url, body, headers)).status).toBe(500);
  } finally {
    await admin.query("alter function private.judge_no_more rename to judge_webhook_event");
  }
  const { rows } = await admin.query<{ id: string; verdict: string }>(
    "select id, verdict from pipeline.webhook_events where webhook_source_id = $1 order by id desc limit 1",
    [source.rowId],
  );
  expect(rows[0]!.verdict).toBe("received");
  await admin.query(
    `begin; set local session_replication_role to replica;
     update pipeline.webhook_events set received_at = now() - ${secondsAgo} * interval '1 second' where id = '${rows[0]!.id}'; commit`,
  );
  return rows[0]!.id;
}

async function sweep(): Promise<void> {
  const { admin } = server.database;
  await admin.query("select graphile_worker.add_job('judge_webhook_events', job_key := 'sweep')");
  await until("what was left is judged", async () => {
    const { rowCount } = await admin.query("select from graphile_worker.jobs where key = 'sweep'");
    return rowCount === 0;
  });
}

const verdictsOf = async (source: Source) => (await readEvents(server, source)).map(({ verdict }) => verdict);

const outcomesOf = async (source: Source): Promise<string[]> =>
  (
    await server.database.admin.query<{ outcome: string }>(
      `select o.outcome from pipeline.webhook_event_outcomes o join pipeline.webhook_events e on e.id = o.webhook_event_id
       where e.webhook_source_id = $1`,
      [source.rowId],
    )
  ).rows.map(({ outcome }) => outcome);

const stripeSource = () => createSource(server, ann, { signatureScheme: "STRIPE", secret: "whsec_of_stripe" });

test("a good call whose server stopped before the verdict is judged by when it came, and processed once", async () => {
  const source = await stripeSource();
  const body = stripeBody("evt_left");
  // Ten minutes are beyond the window now, and were within it then.
  await leave(source, 600, body, sign.stripe(source.secret, body, unixNow() - 600));
  await sweep();
  expect(await readEvents(server, source)).toMatchObject([
    {
      ...{ verdict: "valid", is_signature_valid: true, provider_event_id: "evt_left", event_type: "charge.refunded" },
      ...{ payload: JSON.parse(body), called_urls: null, repeated_headers: null },
    },
  ]);
  await until("it is processed", async () => (await outcomesOf(source)).length > 0);
  await sweep();
  const { rowCount } = await server.database.admin.query(
    `select from pipeline.jobs j join pipeline.webhook_events e on e.id = j.subject_id where e.webhook_source_id = $1`,
    [source.rowId],
  );
  expect(rowCount).toBe(1);
  expect(await outcomesOf(source)).toEqual(["ignored"]);
  // The sender had no answer, and comes again.
  expect((await callHook(source.url, body, sign.stripe(source.secret, body))).status).toBe(200);
  expect(await verdictsOf(source)).toEqual(["valid", "duplicate"]);
});

test("bad calls that were left are refused, for the same reasons as ever", async () => {
  const source = await stripeSource();
  const body = stripeBody();
  const good = sign.stripe(source.secret, body);
  await leave(source, 120, body, sign.stripe("another secret", body));
  await leave(source, 120, body, sign.stripe(source.secret, body, unixNow() - 600));
  await leave(source, 120, body, { "stripe-signature": [good["stripe-signature"], good["stripe-signature"]] });
  await leave(source, 120, body);
  await sweep();
  expect(await verdictsOf(source)).toEqual(["wrong_signature", "stale", "malformed_signature", "missing_signature"]);
  expect(await outcomesOf(source)).toEqual([]);
});

test("a call of Twilio that was left is verified by the address as it was called, which is not kept in the clear", async () => {
  const source = await createSource(server, ann, { signatureScheme: "TWILIO", secret: "the auth token" });
  const path = new URL(source.url).pathname;
  const fields = { MessageSid: "SM1", SmsStatus: "received" };
  const body = new URLSearchParams(fields).toString();
  const headers = sign.twilio(source.secret, `https://hooks.example.com${path}?a=1`, fields);
  const id = await leave({ ...source, url: `${source.url}?a=1` }, 120, body, headers);
  await leave({ ...source, url: `${source.url}?a=2` }, 120, body, headers);
  const { rows } = await server.database.admin.query("select * from pipeline.webhook_events where id = $1", [id]);
  expect(rows[0].called_urls[0]).toBe("https://hooks.example.com/hooks/…?a=1");
  expect(JSON.stringify(rows[0])).not.toContain(path.slice("/hooks/".length));
  await sweep();
  expect(await verdictsOf(source)).toEqual(["valid", "wrong_signature"]);
});

test("a call that its sender sent again in the meantime is a duplicate, and one of this minute is left to its server", async () => {
  const source = await createSource(server, ann, { signatureScheme: "GITHUB" });
  const body = '{"action":"opened"}';
  const headers = sign.github(source.secret, body);
  await leave(source, 120, body, headers);
  expect((await callHook(source.url, body, headers)).status).toBe(202);
  const other = '{"action":"closed"}';
  await leave(source, 20, other, sign.github(source.secret, other));
  await sweep();
  expect(await verdictsOf(source)).toEqual(["duplicate", "valid", "received"]);
});

test("a call whose secret cannot be opened waits, and holds up nobody", async () => {
  const { admin } = server.database;
  const [broken, sound] = [await stripeSource(), await stripeSource()];
  const body = stripeBody();
  for (const source of [broken, sound]) await leave(source, 120, body, sign.stripe(source.secret, body));
  const setSecret = (secret: Buffer) =>
    admin.query("update private.webhook_source_secrets set sealed_secret = $2 where webhook_source_id = $1", [
      broken.rowId,
      secret,
    ]);
  const kept = await admin.query(
    "select sealed_secret from private.webhook_source_secrets where webhook_source_id = $1",
    [broken.rowId],
  );
  await setSecret(Buffer.from("no sealed secret at all"));
  await sweep();
  expect([await verdictsOf(broken), await verdictsOf(sound)]).toEqual([["received"], ["valid"]]);
  await setSecret(kept.rows[0].sealed_secret);
  await sweep();
  expect(await verdictsOf(broken)).toEqual(["valid"]);
});

test("a server that comes with its verdict after the worker gets the one that was written", async () => {
  const source = await stripeSource();
  const body = stripeBody();
  const id = await leave(source, 120, body, sign.stripe(source.secret, body));
  await sweep();
  const late = await inTenant(server.database, ann.tenantId, async (client) => {
    const sql = "select private.judge_webhook_event($1, 'wrong_signature', 'x', null, null, null, null) as verdict";
    return (await client.query<{ verdict: string }>(sql, [id])).rows[0]!.verdict;
  });
  expect(late).toBe("valid");
  expect(await verdictsOf(source)).toEqual(["valid"]);
});
