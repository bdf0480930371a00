import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-sse";
import { openStream, type OpenedStream } from "../support/event-stream.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;
const streams: OpenedStream[] = [];
const page = "https://app.example.com";

beforeAll(async () => {
  server = await startTestServer({
    ROWHOUSE_BODY_BYTES_MAX: "20000",
    ROWHOUSE_CORS_ORIGINS: page,
    ROWHOUSE_TENANT_SUBSCRIPTIONS_MAX: "5",
  });
});
beforeEach(async () => {
  ann = await createSomebody(server);
  bob = await createSomebody(server);
});
afterEach(() => streams.splice(0).forEach((each) => each.close()));
afterAll(() => server.remove());

const query = "subscription Progress($id: ID!) { listImportProgress(importId: $id) { status lineCount } }";
const follow = (somebody: Somebody, id = somebody.importTypeId) => ({ query, variables: { id } });

async function open(token: string | undefined, body: object | string, headers?: Record<string, string>) {
  const stream = await openStream(`${server.origin}/graphql`, token, body, headers);
  streams.push(stream);
  return stream;
}
const setImport = (somebody: Somebody, set: string, at = server) =>
  inTenant(at, somebody.tenantId, `update lists.list_imports set ${set} where id = $1`, [somebody.importId]);
const openCount = async (at = server) => {
  const text = await (await fetch(`${at.origin}/metrics`)).text();
  return Number(/^rowhouse_event_streams\{.*\} (\d+)$/m.exec(text)?.[1]);
};
const complete = { event: "complete" };

describe("a subscription over server-sent events", () => {
  it("tells the present state at once, then each later one, and completes by itself", async () => {
    const stream = await open(ann.token(), follow(ann));
    expect(stream.status).toBe(200);
    expect(stream.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(stream.headers.get("cache-control")).toContain("no-transform");
    expect(stream.headers.get("x-request-id")).toBeTruthy();
    const state = (status: string, lineCount: string) => ({
      event: "next",
      data: { data: { listImportProgress: { status, lineCount } } },
    });
    expect(await stream.next()).toEqual(state("AWAITING_UPLOAD", "0"));
    await setImport(ann, "status = 'uploading', line_count = 7");
    expect(await stream.next()).toEqual(state("UPLOADING", "7"));
    await setImport(ann, "status = 'failed'");
    expect(await stream.rest()).toEqual([state("FAILED", "7"), complete]);
  });

  it("is understood by the graphql-sse client, which completes with it", async () => {
    const client = createClient({
      url: `${server.origin}/graphql`,
      headers: { authorization: `Bearer ${ann.token()}` },
      retryAttempts: 0,
    });
    const seen: unknown[] = [];
    for await (const { data } of client.iterate<any>(follow(ann))) {
      seen.push(data!.listImportProgress.status);
      if (seen.length === 1) await setImport(ann, "status = 'cancelled'");
    }
    expect(seen).toEqual(["AWAITING_UPLOAD", "CANCELLED"]);
  });

  it("sees its own tenant only", async () => {
    const [first, last] = await (await open(ann.token(), follow(ann, bob.importTypeId))).rest();
    expect(first!.data.errors[0].extensions.code).toBe("NOT_FOUND");
    expect(last).toEqual(complete);
    const stream = await open(ann.token(), follow(ann));
    await stream.next();
    await setImport(bob, "line_count = 5");
    await setImport(ann, "line_count = 6");
    expect((await stream.next()).data.data.listImportProgress.lineCount).toBe("6");
  });

  it("is counted among its tenant's subscriptions until its client goes away, and then frees everything", async () => {
    const five = [];
    for (let n = 0; n < 5; n++) five.push(await open(ann.token(), follow(ann)));
    const refused = await open(ann.token(), follow(ann));
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBeTruthy();
    expect((await refused.json()).errors[0].extensions).toMatchObject({
      code: "LIMIT_EXCEEDED",
      details: { name: "subscriptions", limit: 5 },
    });
    // Another tenant has its own.
    expect((await (await open(bob.token(), follow(bob))).next()).event).toBe("next");
    five[0]!.close();
    await until("there is room", async () => (await open(ann.token(), follow(ann))).status === 200);
    for (const each of streams) each.close();
    await until("no stream is open", async () => (await openCount()) === 0);
  });

  it("ends with UNAUTHENTICATED when its token expires", async () => {
    const stream = await open(ann.token("member", 2 / 60), follow(ann));
    expect((await stream.next()).data.data.listImportProgress.status).toBe("AWAITING_UPLOAD");
    const [last, end, ...more] = await stream.rest();
    expect(last!.data.errors).toEqual([
      {
        message: "The access token has expired.",
        extensions: { code: "UNAUTHENTICATED", requestId: stream.headers.get("x-request-id") },
      },
    ]);
    expect([end, ...more]).toEqual([complete]);
    await until("the stream is gone", async () => (await openCount()) === 0);
  });

  it("ends with UNAUTHENTICATED within a second when its session is ended", async () => {
    const login = "mutation($input: LoginInput!) { login(input: $input) { accessToken } }";
    const input = { email: ann.email, password: ann.password, tenantSlug: ann.slug };
    const { data } = await server.post(login, { variables: { input } });
    const token: string = data.login.accessToken;
    const stream = await open(token, follow(ann));
    await stream.next();
    await server.post("mutation { logoutEverywhere { endedCount } }", { token });
    const rest = await stream.rest();
    expect(rest[0]!.data.errors[0].extensions.code).toBe("UNAUTHENTICATED");
    expect(rest[1]).toEqual(complete);
  });

  it("shows a client who does not read only the latest state afterwards, and holds nothing for them", async () => {
    const wide = "subscription($id: ID!) { listImportProgress(importId: $id) { lineCount mapping } }";
    const set = "mapping = jsonb_build_object('x', repeat('y', 4000000))";
    await setImport(ann, set);
    const body = JSON.stringify({ query: wide, variables: { id: ann.importTypeId } });
    const socket = connect(Number(new URL(server.origin).port), "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.write(
      `POST /graphql HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n` +
        `Authorization: Bearer ${ann.token()}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until("the first state is there", async () => text.includes('"lineCount":"0"'));
    socket.pause();
    for (let line = 1; line <= 40; line++) await setImport(ann, `line_count = ${line}`);
    await sleep(500);
    socket.resume();
    await until("the last state is there", async () => text.includes('"lineCount":"40"'));
    expect(text.split("event: next").length).toBeLessThan(20);
    socket.destroy();
  });
});

describe("a request for server-sent events", () => {
  it("answers a query with one event", async () => {
    const stream = await open(ann.token(), { query: "{ lists { nodes { name } } }" });
    const data = { data: { lists: { nodes: [{ name: "Members" }] } } };
    expect(await stream.rest()).toEqual([{ event: "next", data }, complete]);
  });

  it.each([
    ["no GraphQL", { query: "subscription {" }, "GRAPHQL_PARSE_FAILED"],
    ["nothing", {}, "GRAPHQL_PARSE_FAILED"],
    ["a query that is no text", { query: 5 }, "VALIDATION_FAILED"],
    ["a field that is not there", { query: "subscription { nothing }" }, "GRAPHQL_VALIDATION_FAILED"],
    [
      "two operations without a name",
      { query: "query A { me { role } } query B { me { role } }" },
      "GRAPHQL_VALIDATION_FAILED",
    ],
    ["a variable of another kind", { query, variables: { id: {} } }, "GRAPHQL_VALIDATION_FAILED"],
    [
      "more than an operation may ask for",
      { query: `subscription { ${Array.from({ length: 60 }, (_, i) => `a${i}: __typename`).join(" ")} }` },
      "LIMIT_EXCEEDED",
    ],
  ])("tells what is wrong with %s in an event, as the protocol wants it", async (_, body, code) => {
    const [first, last] = await (await open(ann.token(), body)).rest();
    expect(first!.data.errors[0].extensions).toMatchObject({ code, requestId: expect.any(String) });
    expect(last).toEqual(complete);
  });

  it.each([
    ["a token that is none", "abc", "{}", {}, 401, "UNAUTHENTICATED"],
    ["a body that is no JSON", undefined, "{", {}, 400, "VALIDATION_FAILED"],
    ["a list of operations", undefined, "[]", {}, 400, "VALIDATION_FAILED"],
    ["what a form can send", undefined, "{}", { "content-type": "text/plain" }, 415, "VALIDATION_FAILED"],
    ["more than a request may be", undefined, `"${"x".repeat(30_000)}"`, {}, 413, "LIMIT_EXCEEDED"],
    ["a key that would keep it", undefined, "{}", { "idempotency-key": "12345678" }, 400, "VALIDATION_FAILED"],
  ])("is refused by its status with %s", async (_, token, body, headers, status, code) => {
    const stream = await open(token ?? ann.token(), body, headers as Record<string, string>);
    expect(stream.status).toBe(status);
    expect((await stream.json()).errors[0].extensions).toMatchObject({ code, requestId: expect.any(String) });
  });

  it("gets JSON when it would take that as well, and nothing by GET", async () => {
    const answer = await open(ann.token(), follow(ann), { accept: "application/json, text/event-stream" });
    expect((await answer.json()).errors[0].message).toContain("text/event-stream");
    const got = await fetch(`${server.origin}/graphql?query={me{role}}`, { headers: { accept: "text/event-stream" } });
    expect(got.status).toBeGreaterThanOrEqual(400);
    expect(got.headers.get("content-type")).not.toContain("event-stream");
  });

  it("of a page is preflighted, and allowed from the listed origins only", async () => {
    const preflight = async (origin: string) => {
      const wanted = "authorization,content-type,last-event-id";
      const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": wanted };
      return (await fetch(`${server.origin}/graphql`, { method: "OPTIONS", headers })).headers;
    };
    const allowed = await preflight(page);
    expect(allowed.get("access-control-allow-origin")).toBe(page);
    expect(allowed.get("access-control-allow-headers")!.toLowerCase()).toContain("last-event-id");
    expect((await preflight("https://elsewhere.example.com")).get("access-control-allow-origin")).not.toBe(
      "https://elsewhere.example.com",
    );
    const stream = await open(ann.token(), follow(ann), { origin: page });
    expect(stream.headers.get("access-control-allow-origin")).toBe(page);
    expect((await stream.next()).event).toBe("next");
  });

  it("is written to the log with its operation and how long it lasted, and not to the times of requests", async () => {
    const stream = await open(ann.token(), follow(ann));
    await stream.next();
    stream.close();
    const requestId = stream.headers.get("x-request-id");
    const line = await until("it is logged", async () =>
      server.logged.find((each) => each["requestId"] === requestId && each["msg"] === "request"),
    );
    expect(line).toMatchObject({ operation: "subscription Progress", tenantId: ann.tenantId, aborted: true });
  });
});

it("a server that shuts down ends its streams without completing them, and the client goes on at another", async () => {
  const first = await startTestServer({}, server.database);
  const second = await startTestServer({}, server.database);
  let origin = first.origin;
  const client = createClient({
    url: () => `${origin}/graphql`,
    headers: { authorization: `Bearer ${ann.token()}` },
    retry: async () => undefined,
  });
  const seen: string[] = [];
  for await (const { data } of client.iterate<any>(follow(ann))) {
    seen.push(data!.listImportProgress.status);
    if (seen.length === 1) {
      origin = second.origin;
      await first.close();
      await setImport(ann, "status = 'uploading'");
    } else await setImport(ann, "status = 'failed'");
    if (seen.length > 4) break;
  }
  expect(seen[0]).toBe("AWAITING_UPLOAD");
  expect(seen.slice(1)).toEqual(expect.arrayContaining(["FAILED"]));
  await second.close();
});
