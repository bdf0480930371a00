import { createServer, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import express from "express";
import { bodyDeadline } from "../../server/http/body-deadline.ts";
import { listen, type Listening } from "../../server/http/listen.ts";
import { requestScope } from "../../server/http/request-scope.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { spawned, type Spawned } from "../support/spawned.ts";
import { testSecret } from "../support/test-urls.ts";
import { until } from "../support/until.ts";

describe("the routes of a server", () => {
  let server: TestServer;
  let ann: Somebody;
  beforeAll(async () => {
    server = await startTestServer();
    ann = await createSomebody(server);
  });
  afterAll(() => server.remove());
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${server.origin}${path}`, { headers });

  it("healthz and readyz say that all is well", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ status: "ok" });
    expect(await (await get("/readyz")).json()).toEqual({ status: "ready" });
  });

  it("metrics are Prometheus text that counts requests and names no tenant", async () => {
    await server.post("{ me { role } }", { token: ann.token() });
    const text = await until("the request is counted", async () => {
      const answer = await (await get("/metrics")).text();
      return /rowhouse_http_request_duration_seconds_count\{[^}]*route="\/graphql"/.test(answer) && answer;
    });
    for (const metric of ["rowhouse_pool_connections", "rowhouse_sockets"]) expect(text).toContain(metric);
    expect(text).not.toContain(ann.tenantId);
  });

  it("every answer names its request, by the id that was sent when it is a sane one", async () => {
    const sent = "my-request:0001";
    expect((await get("/healthz", { "x-request-id": sent })).headers.get("x-request-id")).toBe(sent);
    for (const strange of ["x", "a b c d e f g h", `"${"y".repeat(300)}"`]) {
      const id = (await get("/healthz", { "x-request-id": strange })).headers.get("x-request-id");
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
    }
    const { headers, errors } = await server.post("{ nothing }");
    expect(errors![0]!.extensions["requestId"]).toBe(headers.get("x-request-id"));
  });

  it("a path that nothing is at is a 404 in JSON", async () => {
    const response = await get("/elsewhere?secret=1");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("/elsewhere.") });
    expect((await get("/%E0%A4%A")).status).toBe(404);
  });

  it("one line is logged per request: what, for whom, how long, with which code; never what was sent", async () => {
    const id = "logged-request-1";
    const query = `query Named { lists(filter: { name: { equalTo: "a private name" } }) { nodes { nothing } } }`;
    await server.post(query, { token: ann.token(), headers: { "x-request-id": id } });
    await server.post("query Named { me { role } }", { token: ann.token(), headers: { "x-request-id": `${id}-ok` } });
    const lines = await until("both lines are there", async () => {
      const found = server.logged.filter((line) => String(line["requestId"]).startsWith(id));
      return found.length >= 2 && found;
    });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ tenantId: ann.tenantId, path: "/graphql", code: "GRAPHQL_VALIDATION_FAILED" });
    expect(lines[1]).toMatchObject({ operation: "query Named", status: 200, durationMs: expect.any(Number) });
    expect(JSON.stringify(lines)).not.toContain("a private name");
  });

  it("a body larger than the limit is refused, however it is sent", async () => {
    const big = JSON.stringify({ query: `{ me { role } } # ${"x".repeat(server.config.bodyBytesMax)}` });
    const response = await fetch(`${server.origin}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: big,
    });
    expect(response.status).toBe(413);
    expect(((await response.json()) as any).errors[0].extensions.code).toBe("LIMIT_EXCEEDED");
  });

  it("no GraphQL over GET, and none from a form of another site", async () => {
    expect((await get("/graphql?query={me{role}}")).status).toBe(405);
    for (const type of ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]) {
      const body = "query={me{role}}";
      const answer = await fetch(`${server.origin}/graphql`, {
        method: "POST",
        headers: { "content-type": type },
        body,
      });
      expect(answer.status).toBe(415);
    }
    const preflight = await fetch(`${server.origin}/graphql`, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example" },
    });
    expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("Ruru is there in development only", async () => {
    const html = { accept: "text/html" };
    for (const path of ["/", "/graphql"])
      expect((await get(path, html)).headers.get("content-type")).not.toContain("html");
    const development = await startTestServer({ NODE_ENV: "development" });
    const page = await fetch(development.origin, { headers: html });
    expect(page.status).toBe(200);
    const text = await page.text();
    expect(text).toContain("/graphql");
    // It loads nothing from elsewhere, and the policy lets it load its own.
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("script-src 'self' 'unsafe-inline'");
    const own = [...text.matchAll(/(?:href|from)\s*=?\s*"([^"]+\.(?:js|css))"/g)].map(([, path]) => path!);
    expect(own.length).toBeGreaterThan(1);
    for (const path of own) expect((await fetch(development.origin + path)).status).toBe(200);
    await development.remove();
  });

  it("a statement that waits for a lock is cancelled after its time, and the next request is served", async () => {
    const slow = await startTestServer({ ROWHOUSE_STATEMENT_TIMEOUT_MS: "300" });
    const somebody = await createSomebody(slow);
    const blocker = await slow.database.admin.connect();
    await blocker.query("begin; lock table lists.lists in access exclusive mode");
    const { errors } = await slow.post("{ lists { nodes { id } } }", { token: somebody.token() });
    expect(errors![0]!.extensions).toMatchObject({
      code: "TIMEOUT",
      details: { limit: 0.3, name: "statementSeconds" },
    });
    await blocker.query("rollback");
    blocker.release();
    expect((await slow.post("{ lists { nodes { id } } }", { token: somebody.token() })).data.lists.nodes).toHaveLength(
      1,
    );
    await slow.remove();
  });
});

describe("a listener", () => {
  let listening: Listening;
  afterEach(() => listening.close());

  it("cuts off a sender whose headers do not come in time", async () => {
    listening = await listen((_req, res) => res.end(), { host: "127.0.0.1", port: 0, headersTimeoutMs: 200 });
    const socket = connect(listening.port, "127.0.0.1");
    socket.write("POST /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toContain("408");
    await once(socket, "close");
  });

  it("cuts off a sender whose body does not come in time, and says so", async () => {
    const app = express().use(
      requestScope(),
      bodyDeadline(100),
      (req, res) => void req.on("end", () => res.end()).resume(),
    );
    listening = await listen(app, { host: "127.0.0.1", port: 0 });
    const socket = connect(listening.port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 408 [^]*LIMIT_EXCEEDED/);
    await once(socket, "close");
  });

  it("answers the requests it has taken before it closes", async () => {
    const taken = new EventEmitter();
    listening = await listen((_req, res) => void taken.emit("request", res), { host: "127.0.0.1", port: 0 });
    const answer = fetch(`http://127.0.0.1:${listening.port}`);
    const [response] = (await once(taken, "request")) as [ServerResponse];
    const closed = listening.close();
    response.end("done");
    expect(await (await answer).text()).toBe("done");
    await closed;
    listening = await listen((_req, res) => res.end(), { host: "127.0.0.1", port: 0 });
  });
});

describe("the server process", () => {
  let database: TestDatabase;
  let folder: string;
  const running: Spawned[] = [];
  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), "rowhouse server "));
  });
  afterEach(async () => {
    for (const each of running.splice(0)) await each.end("SIGKILL");
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true });
  });
  const start = (extra: Record<string, string> = {}) => {
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      PORT: "0",
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_SERVER_DATABASE_URL: database.serverUrl,
      ROWHOUSE_DATA_DIR: folder,
      ...extra,
    };
    const server = spawned(process.execPath, ["server/main.ts"], { env });
    running.push(server);
    return server;
  };

  it("serves until SIGTERM, then closes everything and ends with 0", async () => {
    const server = start();
    const [, port] = await server.until(/"port":(\d+)/);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect(await server.end("SIGTERM")).toBe(0);
    expect(server.output()).toContain("shut down");
    const { rows } = await database.admin.query(
      "select 1 from pg_stat_activity where datname = current_database() and usename = 'rowhouse_server' and application_name like 'rowhouse %'",
    );
    expect(rows).toHaveLength(0);
  });

  it("whose port is taken says so, names PORT, and ends with 1", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const server = start({ PORT: String(port) });
    expect(await server.end()).toBe(1);
    expect(server.output()).toMatch(new RegExp(`Port ${port} of 127.0.0.1 is taken. Set PORT`));
    holder.close();
  });

  it("without its database, or on one that is not migrated, ends with 1 and says what to do", async () => {
    const away = start({ ROWHOUSE_SERVER_DATABASE_URL: "postgres://rowhouse_server@127.0.0.1:1/rowhouse" });
    expect(await away.end()).toBe(1);
    expect(away.output()).toContain("ROWHOUSE_SERVER_DATABASE_URL");
    const empty = start({ ROWHOUSE_SERVER_DATABASE_URL: database.serverUrl.replace(/\/[^/]+$/, "/postgres") });
    expect(await empty.end()).toBe(1);
    expect(empty.output()).toContain("npm run db:migrate");
  });

  it("refuses to print a development token in production", async () => {
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_DATA_DIR: folder,
    };
    const command = spawned(process.execPath, ["server/token.ts", "--tenant", "acme"], { env });
    running.push(command);
    expect(await command.end()).toBe(1);
    expect(command.output()).toContain("NODE_ENV=production");
  });
});
