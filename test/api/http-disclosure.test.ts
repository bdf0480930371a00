import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { signLink } from "../../lib/signed-link.ts";
import { openSocket } from "../support/socket.ts";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { testSecret } from "../support/test-urls.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer({ NODE_ENV: "production", ROWHOUSE_BODY_BYTES_MAX: "20000" });
  ann = await createSomebody(server);
});
afterAll(() => server?.remove());

const send = (body: string, headers: Record<string, string> = {}) =>
  fetch(`${server.origin}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${ann.token()}`, ...headers },
    body,
  });
const ask = (query: string, variables?: object) => send(JSON.stringify({ query, variables }));

/** What no answer may show: stacks, SQL, names of our tables and roles, of our files and of the libraries' parts. */
const internals =
  /\bat \S+ \(|\bat file:|node_modules|\.ts:\d|select |insert into|pg_|rowhouse_(member|admin|server|owner)|lists\.(lists|list_)|relation "|column "|constraint|iam\.|private\.|postgres:|SQLSTATE|stack/i;

describe("in production no error tells of the inside", () => {
  it.each([
    ["a body that is no JSON", () => send("{"), 400],
    ["a body that is no request", () => send(`"text"`), 400],
    ["a query that is none", () => send(`{"query": 7}`), 400],
    ["an empty body", () => send(""), 400],
    ["a document that is no GraphQL", () => ask("{ lists {"), 400],
    ["an unknown field", () => ask("{ list { nme } listz { id } }"), 400],
    ["an unknown argument", () => ask("{ lists(frst: 1) { nodes { id } } }"), 400],
    ["a variable of a wrong type", () => ask("query($n: Int) { lists(first: $n) { nodes { id } } }", { n: "x" }), 400],
    [
      "an input with an unknown field",
      () => ask("mutation($i: LoginInput!) { login(input: $i) { expiresAt } }", { i: { emial: "" } }),
      400,
    ],
    [
      "an id of nothing",
      () => ask(`{ list(id: "list_00000000000000000000000000") { id } x: list(id: "'") { id } }`),
      200,
    ],
    [
      "a NUL in a text",
      () =>
        ask(`mutation($i: CreateListInput!) { createList(input: $i) { list { id } } }`, {
          i: { list: { name: "a\0b" } },
        }),
      200,
    ],
    ["an Accept that we do not serve", () => send("{}", { accept: "image/png" }), 406],
    ["a token that is none", () => send("{}", { authorization: "Bearer abc" }), 401],
    ["another path", () => fetch(`${server.origin}/%00/../elsewhere`), 404],
    ["a malformed escape", () => fetch(`${server.origin}/exports/%E0%A4%A`), 400],
    [
      "an import that is none",
      () => fetch(`${server.origin}/imports/x`, { headers: { authorization: `Bearer ${ann.token()}` } }),
      404,
    ],
    [
      "a link that was changed",
      () => fetch(`${server.origin}/exports/${ann.listId}?tenant=${ann.tenantId}&expires=1&signature=abc`),
      403,
    ],
  ])("%s", async (_, act, status) => {
    const answer = await act();
    const text = await answer.text();
    expect(`${answer.status} ${text}`).toMatch(new RegExp(`^${status} `));
    expect(text).toMatch(/"code":"[A-Z_]+"/);
    expect(text).toMatch(/"requestId":/);
    expect(text).not.toMatch(internals);
    expect(text).not.toMatch(/Did you mean/);
  });

  it("not even one that is our own fault: its request id leads to the log", async () => {
    const { admin } = server.database;
    await admin.query("alter table lists.lists rename to lists_elsewhere");
    try {
      const answer = await server.post("{ lists { nodes { name } } }", { token: ann.token() });
      expect(answer.errors).toEqual([expect.objectContaining({ message: expect.stringContaining("request id") })]);
      expect(answer.errors![0]!.extensions).toEqual({ code: "INTERNAL", requestId: expect.any(String) });
      expect(JSON.stringify(answer.errors)).not.toMatch(internals);
      const line = server.logged.find((each) => each["requestId"] === answer.errors![0]!.extensions["requestId"]);
      expect(JSON.stringify(line)).toContain("lists.lists");
      const socket = openSocket(server.socketUrl, { token: ann.token() });
      const told: unknown = await socket.subscribe("{ lists { nodes { name } } }").next();
      expect(JSON.stringify(told)).toContain("INTERNAL");
      expect(JSON.stringify(told)).not.toMatch(internals);
      await socket.client.dispose();
    } finally {
      await admin.query("alter table lists.lists_elsewhere rename to lists");
    }
  });
});

describe("what is too large is refused with the code and the limit", () => {
  it("a list of operations", async () => {
    const answer = await send(JSON.stringify(Array.from({ length: 7 }, () => ({ query: "{ me { role } }" }))));
    expect(answer.status).toBe(413);
    const { errors } = (await answer.json()) as any;
    expect(errors[0].extensions).toEqual({
      code: "LIMIT_EXCEEDED",
      details: { limit: 1, count: 7, name: "batch" },
      requestId: answer.headers.get("x-request-id"),
    });
  });

  it.each([
    ["whose length is told", undefined],
    ["that comes in pieces without an end in sight", "chunked"],
  ])("a body %s", async (_, encoding) => {
    const big = JSON.stringify({ query: `{ me { role } } # ${"x".repeat(30_000)}` });
    const body = encoding === undefined ? big : new Blob([big]).stream();
    const answer = await fetch(`${server.origin}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
    } as RequestInit);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: "LIMIT_EXCEEDED", details: { name: "bodyBytes", limit: 20_000 } } }],
    });
  });

  it("a token", async () => {
    const answer = await send("{}", { authorization: `Bearer ${"x".repeat(5_000)}` });
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain("longer than 4096 characters");
  });
});

it("the log of a run holds no password, token, link or secret", async () => {
  const first = server.logged.length;
  const query = `mutation($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }`;
  const input = { email: ann.email, password: ann.password, tenantSlug: ann.slug };
  const { data } = await server.post(query, { variables: { input } });
  const { accessToken, refreshToken } = data.login as { accessToken: string; refreshToken: string };
  const wrong = "a password that is wrong";
  await server.post(query, { variables: { input: { ...input, password: wrong } } });
  const refresh = `mutation($input: RefreshInput!) { refresh(input: $input) { accessToken } }`;
  await server.post(refresh, { variables: { input: { refreshToken: `${refreshToken}x` } } });
  await server.post(`mutation { login(input: {email: "a@example.com", password: "${wrong}"}) { nothing } }`);
  const link = signLink(testSecret, { tenantId: ann.tenantId, fileId: ann.listId }, new Date(Date.now() + 60_000));
  const signature = new URL(link, server.origin).searchParams.get("signature")!;
  await fetch(server.origin + link);
  await fetch(`${server.origin}/graphql?token=${accessToken}`, { headers: { authorization: `Bearer ${accessToken}` } });
  await send("{}", { authorization: `Bearer ${accessToken}x`, cookie: "session=a-cookie-of-somebody" });
  const socket = openSocket(server.socketUrl, { token: accessToken });
  await socket.subscribe("{ me { role } }").next();
  await socket.client.dispose();
  const lines = await until("the socket's line is there", async () => {
    const found = server.logged.slice(first);
    return found.some((line) => line["msg"] === "socket operation") && found;
  });
  expect(lines.length).toBeGreaterThan(6);
  const text = JSON.stringify(lines);
  const accessPart = accessToken.split(".")[2]!;
  for (const secret of [ann.password, wrong, accessPart, refreshToken, signature, testSecret, "a-cookie-of-somebody"])
    expect(text).not.toContain(secret);
});
