import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import express from "express";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { createClientOf } from "../../server/http/client-address.ts";
import { bodyDeadline } from "../../server/http/body-deadline.ts";
import { listen } from "../../server/http/listen.ts";
import { requestScope } from "../../server/http/request-scope.ts";
import { sendRaw } from "../support/raw-http.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const app = "https://app.example.com";
const metricsToken = "a token that reads metrics";
let server: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer({
    NODE_ENV: "production",
    ROWHOUSE_CORS_ORIGINS: `${app}, https://other.example.com`,
    ROWHOUSE_TRUSTED_PROXIES: "127.0.0.0/8",
    ROWHOUSE_PUBLIC_URL: "https://api.example.com",
    ROWHOUSE_METRICS_TOKEN: metricsToken,
  });
  ann = await createSomebody(server);
});
afterAll(() => server?.remove());

const me = JSON.stringify({ query: "{ me { role } }" });
const fetchApi = (init: RequestInit = {}, path = "/graphql") => fetch(`${server.origin}${path}`, init);
const json = { "content-type": "application/json" };
const rawHead = (...extra: string[]) => [
  "POST /graphql HTTP/1.1",
  "Connection: close",
  "Content-Type: application/json",
  `Content-Length: ${me.length}`,
  ...extra,
];

describe("a page of another site", () => {
  const preflight = (origin: string) =>
    fetchApi({
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
    });

  it("may use the API when its origin is listed: the preflight says so, and answers vary by origin", async () => {
    const asked = await preflight(app);
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe(app);
    expect(asked.headers.get("access-control-allow-headers")).toContain("Authorization");
    expect(asked.headers.get("access-control-allow-credentials")).toBeNull();
    const answer = await fetchApi({ method: "POST", headers: { ...json, origin: app }, body: me });
    expect(answer.headers.get("access-control-allow-origin")).toBe(app);
    expect(answer.headers.get("access-control-expose-headers")).toContain("X-Request-Id");
    expect(answer.headers.get("vary")).toContain("Origin");
  });

  it.each([
    "https://evil.example",
    `${app}.evil.example`,
    "https://evil-app.example.com",
    "http://app.example.com",
    "null",
  ])("of the origin %s is told of no permission", async (origin) => {
    for (const answer of [
      await preflight(origin),
      await fetchApi({ method: "POST", headers: { ...json, origin }, body: me }),
    ]) {
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      expect(answer.headers.get("vary")).toContain("Origin");
    }
  });

  it.each([
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/graphql",
  ])("cannot send GraphQL as %s, which needs no preflight", async (type) => {
    const answer = await fetchApi({ method: "POST", headers: { "content-type": type }, body: me });
    expect(answer.status).toBe(415);
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: "VALIDATION_FAILED", requestId: expect.any(String) } }],
    });
  });

  it.each(["query={me{role}}", "query=mutation{logout(input:{}){clientMutationId}}"])(
    "cannot send GraphQL by GET: %s",
    async (query) => {
      const answer = await fetchApi({ headers: { authorization: `Bearer ${ann.token()}` } }, `/graphql?${query}`);
      expect(answer.status).toBe(405);
      expect(await answer.json()).not.toHaveProperty("data.me");
    },
  );

  it("cannot open a WebSocket, unless it is listed or our own; a program can, which sends no origin", async () => {
    const outcome = async (origin?: string) => {
      const socket = new WebSocket(server.socketUrl, "graphql-transport-ws", origin === undefined ? {} : { origin });
      const result = await new Promise<string>((resolve) => {
        socket.once("open", () => resolve("open"));
        socket.once("error", (error) => resolve(error.message));
      });
      socket.terminate();
      return result;
    };
    for (const origin of [undefined, app, "https://api.example.com"]) expect(await outcome(origin)).toBe("open");
    for (const origin of ["https://evil.example", "null", "http://localhost:5678"])
      expect(await outcome(origin)).toContain("403");
  });
});

describe("headers", () => {
  it("of each answer keep it out of caches, frames, pages and sniffing browsers", async () => {
    for (const path of ["/healthz", "/nowhere", "/graphql"]) {
      const { headers } = await fetchApi({}, path);
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("strict-transport-security")).toContain("max-age");
      expect(headers.get("x-powered-by")).toBeNull();
    }
  });

  it.each([
    "Authorization: Bearer a",
    "Host: evil.example",
    "Content-Type: text/plain",
    "Origin: https://evil.example",
  ])("that say who or how are refused when they are sent twice: %s", async (second) => {
    const origin = second.startsWith("Origin") ? [`Origin: ${app}`] : [];
    const head = rawHead("Host: api.example.com", `Authorization: Bearer ${ann.token()}`, ...origin, second);
    expect(await sendRaw(server.origin, head, me)).toMatch(/^HTTP\/1\.1 400 [^]*sent more than once/);
  });

  it("of an upgrade are refused as well when they are sent twice", async () => {
    const head = [
      "GET /graphql HTTP/1.1",
      "Host: api.example.com",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Origin: ${app}`,
      "Origin: https://evil.example",
    ];
    expect(await sendRaw(server.origin, head)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("that disagree about where the body ends are refused", async () => {
    const smuggled = rawHead("Host: x", "Transfer-Encoding: chunked");
    expect(await sendRaw(server.origin, smuggled, me)).toMatch(/^HTTP\/1\.1 400 /);
    const twice = rawHead("Host: x", "Content-Length: 5");
    expect(await sendRaw(server.origin, twice, me)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("that are larger than 16 kB are refused", async () => {
    const head = rawHead("Host: x", `Authorization: Bearer ${"x".repeat(20_000)}`);
    expect(await sendRaw(server.origin, head, me)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it("that name another host change nothing: links are of the settings' public URL", async () => {
    const query = JSON.stringify({ query: "{ me { role } nothing }" });
    const answer = await sendRaw(
      server.origin,
      [
        "POST /graphql HTTP/1.1",
        "Connection: close",
        "Host: evil.example",
        "X-Forwarded-Host: evil.example",
        "X-Original-URL: /metrics",
        "Content-Type: application/json",
        `Content-Length: ${query.length}`,
      ],
      query,
    );
    expect(answer).toContain("GRAPHQL_VALIDATION_FAILED");
    expect(answer).not.toContain("evil");
    expect(await sendRaw(server.origin, ["GET / HTTP/1.1", "Connection: close"])).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("the address of a client", () => {
  const of = (remoteAddress: string, forwarded?: string, proxies: string[] = []) =>
    createClientOf(proxies)({
      socket: { remoteAddress },
      headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded },
    } as never).ipAddress;

  it("is that of its connection, whatever it writes into X-Forwarded-For", () => {
    expect(of("203.0.113.9", "1.2.3.4")).toBe("203.0.113.9");
    expect(of("::ffff:203.0.113.9", "1.2.3.4")).toBe("203.0.113.9");
    expect(of("203.0.113.9", "1.2.3.4", ["10.0.0.0/8"])).toBe("203.0.113.9");
  });

  it("is the last that no trusted proxy has, when a trusted proxy sends it", () => {
    const proxies = ["10.0.0.0/8", "fd00::/8"];
    expect(of("10.0.0.1", "203.0.113.9", proxies)).toBe("203.0.113.9");
    expect(of("::ffff:10.0.0.1", "6.6.6.6, 203.0.113.9, 10.1.1.1", proxies)).toBe("203.0.113.9");
    expect(of("10.0.0.1", "203.0.113.9:4711", proxies)).toBe("203.0.113.9");
    expect(of("fd00::1", "2001:db8::7", proxies)).toBe("2001:db8::7");
    expect(of("10.0.0.1", "'; drop table", proxies)).toBe("10.0.0.1");
    expect(of("10.0.0.1", undefined, proxies)).toBe("10.0.0.1");
  });

  it("behind a trusted proxy is what a session remembers, over HTTP and WebSocket", async () => {
    const query = `mutation($input: LoginInput!) { login(input: $input) { accessToken } }`;
    const input = { email: ann.email, password: ann.password, tenantSlug: ann.slug };
    await server.post(query, { variables: { input }, headers: { "x-forwarded-for": "6.6.6.6, 203.0.113.9" } });
    const client = createClient({
      url: server.socketUrl,
      webSocketImpl: class extends WebSocket {
        constructor(url: string, protocols: string[]) {
          super(url, protocols, { headers: { "x-forwarded-for": "203.0.113.10" } });
        }
      },
      connectionParams: { token: ann.token() },
    });
    await client.iterate({ query, variables: { input } }).next();
    await client.dispose();
    const { rows } = await server.database.admin.query(
      "select host(ip_address) as ip from iam.sessions where user_id = $1 order by created_at",
      [ann.userId],
    );
    expect(rows).toEqual([{ ip: "203.0.113.9" }, { ip: "203.0.113.10" }]);
  });
});

describe("metrics", () => {
  it("are given to the holder of their token only", async () => {
    expect((await fetchApi({}, "/metrics")).status).toBe(401);
    for (const token of ["wrong", ann.token()])
      expect((await fetchApi({ headers: { authorization: `Bearer ${token}` } }, "/metrics")).status).toBe(401);
    expect((await fetchApi({ headers: { authorization: `Bearer ${metricsToken}` } }, "/metrics")).status).toBe(200);
  });

  it("without a token are given to this machine only, and through no proxy", async () => {
    const other = await startTestServer({}, server.database);
    expect((await fetch(`${other.origin}/metrics`)).status).toBe(200);
    const proxied = await fetch(`${other.origin}/metrics`, { headers: { "x-forwarded-for": "127.0.0.1" } });
    expect(proxied.status).toBe(403);
    await other.close();
  });
});

describe("a slow client", () => {
  it("that drips its headers is cut off as one that sends none", async () => {
    const listening = await listen((_req, res) => res.end(), { host: "127.0.0.1", port: 0, headersTimeoutMs: 300 });
    const socket = connect(listening.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => socket.write("X-Drip: 1\r\n"), 20);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toContain("408");
    clearInterval(drip);
    socket.destroy();
    await listening.close();
  });

  it("that drips its body is cut off with an answer", async () => {
    const slow = express().use(
      requestScope(),
      bodyDeadline(200),
      (req, res) => void req.on("end", () => res.end()).resume(),
    );
    const listening = await listen(slow, { host: "127.0.0.1", port: 0 });
    const socket = connect(listening.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    const drip = setInterval(() => socket.write("x"), 20);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 408 [^]*LIMIT_EXCEEDED/);
    clearInterval(drip);
    socket.destroy();
    await listening.close();
  });

  it("that does not read its answer is cut off, and the handler hears of it", async () => {
    let isClosed = false;
    const listening = await listen(
      (_req, res) => {
        res.once("close", () => (isClosed = true));
        res.write(Buffer.alloc(50_000_000));
      },
      { host: "127.0.0.1", port: 0, silenceTimeoutMs: 200 },
    );
    const socket = connect(listening.port, "127.0.0.1").pause();
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await until("the answer is given up", async () => isClosed);
    socket.destroy();
    await listening.close();
  });
});
