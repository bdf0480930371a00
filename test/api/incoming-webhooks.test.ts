import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { callHook, createSource, readEvents, sign, stripeBody, unixNow, type Source } from "../support/webhooks.ts";

let server: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer({
    ROWHOUSE_HOOK_BYTES_MAX: "65536",
    ROWHOUSE_PUBLIC_URL: "https://hooks.example.com",
  });
  ann = await createSomebody(server, "admin");
});
afterAll(() => server?.remove());

const eventsOf = (source: Source) => readEvents(server, source);
const verdictsOf = async (source: Source) => (await eventsOf(source)).map(({ verdict }) => verdict);

const jobsOf = async (source: Source): Promise<number> =>
  (
    await server.database.admin.query(
      `select from pipeline.jobs j join pipeline.webhook_events e on e.id = j.subject_id
       where j.task = 'process_webhook_event' and e.webhook_source_id = $1`,
      [source.rowId],
    )
  ).rowCount!;

/** The types of events that the feed has of a source's calls. */
const fedOf = async (source: Source): Promise<string[]> =>
  (
    await server.database.admin.query<{ type: string }>(
      `select type from events.events where subject_type = 'webhook_events' and payload ->> 'webhook_source_id' = $1`,
      [source.rowId],
    )
  ).rows.map(({ type }) => type);

const stripeSource = () => createSource(server, ann, { signatureScheme: "STRIPE", secret: "whsec_of_stripe" });

describe("a call that is signed as its source demands", () => {
  test("of Stripe is stored as it came, and queued once", async () => {
    const source = await stripeSource();
    const body = stripeBody("evt_1");
    const headers = {
      ...sign.stripe(source.secret, body),
      cookie: "a=b",
      authorization: "Basic eDp5",
      "x-url": source.url,
    };
    const reply = await callHook(source.url, body, headers);
    expect(reply).toMatchObject({ status: 202, text: '{"status":"accepted"}' });
    const [event] = await eventsOf(source);
    expect(event).toMatchObject({
      ...{ verdict: "valid", is_signature_valid: true, event_type: "charge.refunded", provider_event_id: "evt_1" },
      ...{ payload: JSON.parse(body), body_byte_count: String(body.length) },
      headers: { "content-type": "application/json", "stripe-signature": headers["stripe-signature"] },
    });
    expect(event!.raw_body.toString()).toBe(body);
    expect(Object.keys(event!.headers)).not.toEqual(expect.arrayContaining(["cookie"]));
    expect(Object.keys(event!.headers)).not.toEqual(expect.arrayContaining(["authorization"]));
    expect(JSON.stringify(event!.headers)).not.toContain(new URL(source.url).pathname.slice(7));
    expect(await jobsOf(source)).toBe(1);
  });

  test("of GitHub, of Standard Webhooks and by a plain HMAC is taken", async () => {
    const body = '{"action": "opened", "type": "deal.won"}';
    const github = await createSource(server, ann, { signatureScheme: "GITHUB" });
    expect((await callHook(github.url, body, sign.github(github.secret, body))).status).toBe(202);
    expect(await eventsOf(github)).toMatchObject([{ verdict: "valid", event_type: "issues.opened" }]);
    const standard = await createSource(server, ann, { signatureScheme: "STANDARD_WEBHOOKS" });
    const headers = sign.standardWebhooks(standard.secret, body);
    expect((await callHook(standard.url, body, headers)).status).toBe(202);
    expect(await eventsOf(standard)).toMatchObject([
      { verdict: "valid", event_type: "deal.won", provider_event_id: headers["webhook-id"] },
    ]);
    for (const [scheme, algorithm] of [
      ["HMAC_SHA256", "sha256"],
      ["HMAC_SHA1", "sha1"],
    ] as const) {
      const source = await createSource(server, ann, { signatureScheme: scheme });
      expect((await callHook(source.url, body, sign.hmac(algorithm, source.secret, body))).status).toBe(202);
    }
  });

  test("of Twilio is signed over the public address, and answered as Twilio wants it", async () => {
    const source = await createSource(server, ann, { signatureScheme: "TWILIO", secret: "the auth token" });
    const fields = { MessageSid: "SM1", SmsStatus: "received", Body: "STOP & ü", From: "+14155550100" };
    const publicUrl = `https://hooks.example.com${new URL(source.url).pathname}?a=1`;
    const body = new URLSearchParams(fields).toString();
    const headers = sign.twilio(source.secret, publicUrl, fields);
    const reply = await callHook(`${source.url}?a=1`, body, headers);
    expect(reply).toMatchObject({ status: 200, text: "<Response/>" });
    expect(reply.headers["content-type"]).toMatch(/^text\/xml/);
    expect(await eventsOf(source)).toMatchObject([
      { verdict: "valid", event_type: "message.received", provider_event_id: "SM1:received", payload: fields },
    ]);
    expect((await callHook(source.url, body, headers)).status).toBe(401);
    const json = '{"a":1}';
    const hash = createHash("sha256").update(json).digest("hex");
    const signed = sign.twilio(source.secret, `${publicUrl}&bodySHA256=${hash}`, {});
    const call = (text: string) =>
      callHook(`${source.url}?a=1&bodySHA256=${hash}`, text, { ...signed, "content-type": "application/json" });
    expect((await call('{"a":2}')).status).toBe(401);
    expect((await call(json)).status).toBe(200);
  });

  test("whose body is no JSON, or no text at all, is stored byte for byte", async () => {
    const source = await createSource(server, ann, { signatureScheme: "HMAC_SHA256" });
    const bodies = [
      Buffer.from([0xff, 0xfe, 0x00, 0x80]),
      Buffer.from("{"),
      Buffer.from('"text"'),
      Buffer.from('{"a":"\\u0000"}'),
      Buffer.from('{"a":"\\ud800"}'),
      Buffer.from(`${"[".repeat(30_000)}${"]".repeat(30_000)}`),
      Buffer.from('{"a":1e999999}'),
      Buffer.alloc(0),
    ];
    for (const body of bodies)
      expect((await callHook(source.url, body, sign.hmac("sha256", source.secret, body))).status).toBe(202);
    const events = await eventsOf(source);
    expect(events.map((event) => event.payload)).toEqual(bodies.map(() => null));
    expect(events.map((event) => event.raw_body.toString("hex"))).toEqual(bodies.map((body) => body.toString("hex")));
  });

  test("names its number and its type where the source says they stand", async () => {
    const source = await createSource(server, ann, { eventIdFrom: "body:data.0.key", eventTypeFrom: "header:x-topic" });
    const call = () => callHook(source.url, '{"data":[{"key":17}]}', { "x-topic": "orders/paid" });
    expect((await call()).status).toBe(202);
    expect(await call()).toMatchObject({ status: 200, text: '{"status":"duplicate"}' });
    expect(await eventsOf(source)).toMatchObject([
      { verdict: "unsigned", is_signature_valid: null, event_type: "orders/paid", provider_event_id: "17" },
      { verdict: "duplicate" },
    ]);
    expect(await jobsOf(source)).toBe(1);
  });
});

describe("a call that came before", () => {
  test("is answered well, and is not processed a second time, even when both come at once", async () => {
    const source = await stripeSource();
    const body = stripeBody();
    const sent = Array.from({ length: 8 }, (_, i) => sign.stripe(source.secret, body, unixNow() - i));
    const replies = await Promise.all(sent.map((headers) => callHook(source.url, body, headers)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 202]);
    expect((await verdictsOf(source)).filter((verdict) => verdict === "valid")).toHaveLength(1);
    expect(await jobsOf(source)).toBe(1);
  });

  test("is refused under another number that nobody signed", async () => {
    const source = await createSource(server, ann, { signatureScheme: "GITHUB" });
    const body = '{"action":"closed"}';
    const first = sign.github(source.secret, body);
    expect((await callHook(source.url, body, first)).status).toBe(202);
    expect((await callHook(source.url, body, first)).status).toBe(200);
    expect((await callHook(source.url, body, { ...first, "x-github-delivery": randomUUID() })).status).toBe(401);
    expect(await verdictsOf(source)).toEqual(["valid", "duplicate", "replayed"]);
    expect(await jobsOf(source)).toBe(1);
  });

  test("counts for its own source only", async () => {
    const [one, two] = [await stripeSource(), await stripeSource()];
    const body = stripeBody();
    for (const source of [one, two])
      expect((await callHook(source.url, body, sign.stripe(source.secret, body))).status).toBe(202);
  });

  test("does not keep the true one away when it was refused", async () => {
    const source = await stripeSource();
    const body = stripeBody();
    expect((await callHook(source.url, body, sign.stripe("another secret", body))).status).toBe(401);
    expect((await callHook(source.url, body, sign.stripe(source.secret, body))).status).toBe(202);
  });
});

describe("a call that is not good", () => {
  test("is answered 401 without the reason, stored with its verdict, and never processed", async () => {
    const source = await stripeSource();
    const body = stripeBody();
    const good = sign.stripe(source.secret, body);
    const signature = good["stripe-signature"];
    const calls: [string, string, Record<string, string | string[]>][] = [
      ["wrong_signature", body, sign.stripe("another secret", body)],
      ["wrong_signature", body.replace("charge", "payout"), good],
      ["stale", body, sign.stripe(source.secret, body, unixNow() - 400)],
      ["stale", body, sign.stripe(source.secret, body, unixNow() + 400)],
      ["wrong_signature", body, { "stripe-signature": signature.replace(/^t=\d+/, `t=${unixNow() + 1}`) }],
      ["malformed_signature", body, { "stripe-signature": signature.replace(/^t=\d+/, "t=abc") }],
      ["malformed_signature", body, { "stripe-signature": [signature, signature] }],
      ["missing_signature", body, {}],
    ];
    const replies = [];
    for (const [, text, headers] of calls) replies.push(await callHook(source.url, text, headers));
    for (const { status, text } of replies) {
      expect(status).toBe(401);
      const { requestId, ...said } = JSON.parse(text);
      expect(requestId).toEqual(expect.any(String));
      expect(said).toEqual({ code: "UNAUTHENTICATED", message: "The signature of this call is not good." });
    }
    const events = await eventsOf(source);
    expect(events.map(({ verdict }) => verdict)).toEqual(calls.map(([verdict]) => verdict));
    expect(events.every((event) => event.is_signature_valid === false && event.payload === null)).toBe(true);
    expect(await jobsOf(source)).toBe(0);
    expect(await fedOf(source)).toEqual([]);
    expect((await callHook(source.url, body, good)).status).toBe(202);
    expect(await fedOf(source)).toEqual(["webhook_event.created"]);
  });

  test("to a source that has no secret yet is refused", async () => {
    const source = await createSource(server, ann, { signatureScheme: "STRIPE" });
    expect((await callHook(source.url, "{}", sign.stripe("", "{}"))).status).toBe(401);
    expect(await verdictsOf(source)).toEqual(["no_secret"]);
  });

  test("with the secret or address of another tenant is refused, and stays with the address's tenant", async () => {
    const bob = await createSomebody(server, "admin");
    const [ours, theirs] = [await stripeSource(), await createSource(server, bob, { signatureScheme: "GITHUB" })];
    const body = stripeBody();
    expect((await callHook(theirs.url, body, sign.stripe(ours.secret, body))).status).toBe(401);
    const read = async (token: string) =>
      (
        await server.post(
          "{ webhookEvents(filter: { verdict: { equalTo: MISSING_SIGNATURE } }) { nodes { source { id } } } }",
          { token },
        )
      ).data.webhookEvents.nodes;
    expect(await read(bob.token("manager"))).toEqual([{ source: { id: theirs.id } }]);
    expect(await read(ann.token("manager"))).not.toContainEqual({ source: { id: theirs.id } });
  });

  test("leaves no more than a thousand behind it, each cut to 16 KiB", async () => {
    const source = await stripeSource();
    const body = Buffer.alloc(40_000, "x");
    expect((await callHook(source.url, body)).status).toBe(401);
    expect(await eventsOf(source)).toMatchObject([{ body_byte_count: "40000", raw_body: { length: 16_384 } }]);
    await server.database.admin.query(
      `with e as (insert into pipeline.webhook_events (tenant_id, webhook_source_id, verdict)
         select $1, $2, 'missing_signature' from generate_series(1, 1200) returning id) select count(*) from e`,
      [ann.tenantId, source.rowId],
    );
    const good = stripeBody();
    expect((await callHook(source.url, good, sign.stripe(source.secret, good))).status).toBe(202);
    const flood = await Promise.all(Array.from({ length: 40 }, () => callHook(source.url, "{}")));
    expect(new Set(flood.map(({ status }) => status))).toEqual(new Set([401]));
    expect((await callHook(source.url, "{}")).status).toBe(401);
    const verdicts = await verdictsOf(source);
    expect(verdicts).toHaveLength(1001);
    expect(verdicts.filter((verdict) => verdict === "valid")).toHaveLength(1);
  });

  test("is cut off at the limit of its size, and leaves nothing", async () => {
    const source = await createSource(server, ann);
    const reply = await callHook(source.url, Buffer.alloc(65_537));
    expect(reply.status).toBe(413);
    expect(JSON.parse(reply.text)).toMatchObject({ code: "LIMIT_EXCEEDED", details: { limit: 65_536 } });
    const chunked = await callHook(source.url, Buffer.alloc(70_000), { "transfer-encoding": "chunked" });
    expect(chunked.status).toBe(413);
    expect(await eventsOf(source)).toEqual([]);
    expect((await callHook(source.url, Buffer.alloc(65_536))).status).toBe(202);
  });

  test("whose body never ends is cut off when its time is up, and leaves nothing", async () => {
    const source = await createSource(server, ann);
    const endless = request(source.url, { method: "POST", agent: false });
    endless.on("error", () => undefined).flushHeaders();
    const drip = setInterval(() => endless.write("x"), 200);
    const isClosed = once(endless, "close");
    try {
      const [reply] = await once(endless, "response");
      expect(reply).toMatchObject({ statusCode: 408, headers: { connection: "close" } });
      expect(String(await reply.toArray())).toContain("did not arrive within 10 seconds");
      await isClosed;
    } finally {
      clearInterval(drip);
      endless.destroy();
    }
    expect(await eventsOf(source)).toEqual([]);
  });
});
