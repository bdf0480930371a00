import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Sender } from "../support/graphql-api.ts";

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database, { ROWHOUSE_QUERY_COST_MAX: "20000" });
  acme = await createTenant(database, "acme");
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

/** Each of n fragments spreads the next one twice: 2^n fields in a few kilobytes. */
function fragmentBomb(fragments: number): string {
  const bodies = Array.from({ length: fragments }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`);
  return `{ ...F0 } ${bodies.join(" ")} fragment F${fragments} on Query { __typename }`;
}

async function overSocket(query: string): Promise<{ data?: unknown; errors?: unknown }> {
  const client = createClient({
    url: api.url.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${api.token(acme)}` },
    retryAttempts: 0,
  });
  try {
    return (await client.iterate({ query }).next()).value ?? {};
  } catch (errors) {
    return { errors };
  } finally {
    await client.dispose();
  }
}

const exceeded = (name: string) => ({ code: "LIMIT_EXCEEDED", details: { name } });

describe("a bomb of fragments", () => {
  test.each([20, 60, 120])(
    "of %d fragments is refused over HTTP before it is planned, and the server goes on",
    async (fragments) => {
      const { errors } = await api.send(acme, fragmentBomb(fragments));
      // Planned, 60 of them would take longer than anybody waits.
      expect(errors).toHaveLength(1);
      expect(errors?.[0]).toMatchObject({ extensions: exceeded("selections") });
      expect(errors?.[0]?.message).toMatch(/the limit is 2000/);
      expect(await api.ask(acme, "{ __typename }")).toEqual({ __typename: "Query" });
    },
  );

  test("is refused over WebSocket as well", async () => {
    const { errors } = await overSocket(fragmentBomb(60));
    expect(errors).toEqual([
      expect.objectContaining({ extensions: expect.objectContaining({ code: "LIMIT_EXCEEDED" }) }),
    ]);
  });

  test("that spreads itself comes to an end, too", async () => {
    const { errors } = await api.send(
      acme,
      "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }",
    );
    expect(errors?.[0]?.extensions.code).toBe("GRAPHQL_VALIDATION_FAILED");
  });
});

describe("an operation is refused with the limit and what was counted", () => {
  test("when it has too many aliases, also through a fragment", async () => {
    const aliases = Array.from({ length: 26 }, (_, i) => `a${i}: __typename`).join(" ");
    const { errors } = await api.send(
      acme,
      `{ ...A me { ...B } } fragment A on Query { ${aliases} } fragment B on Me { ${aliases} }`,
    );
    expect(errors?.[0]).toMatchObject({
      message: expect.stringMatching(/52 aliases.*limit is 50/),
      extensions: { code: "LIMIT_EXCEEDED", details: { name: "aliases", limit: 50, count: 52 } },
    });
  });

  test("when it has too many directives, also through a fragment", async () => {
    const skipped = "__typename @skip(if: false) ".repeat(26);
    const query = `{ ...A me { ...B } } fragment A on Query { ${skipped} } fragment B on Me { ${skipped} }`;
    expect((await api.send(acme, query)).errors?.[0]).toMatchObject({
      message: expect.stringMatching(/52 directives.*limit is 50/),
      extensions: { code: "LIMIT_EXCEEDED", details: { name: "directives", limit: 50, count: 52 } },
    });
    const repeated = await api.send(acme, `{ __typename ${"@skip(if: false) ".repeat(5_000)} }`);
    expect(repeated.errors?.[0]).toMatchObject({ extensions: { code: "LIMIT_EXCEEDED" } });
  });

  test("when it has too many fields at its root", async () => {
    const { errors } = await api.send(
      acme,
      `{ ${Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(" ")} }`,
    );
    expect(errors?.[0]).toMatchObject({
      extensions: { code: "LIMIT_EXCEEDED", details: { name: "rootFields", count: 31 } },
    });
  });

  test("when it nests too deep", async () => {
    const query = `{ lists { nodes { entries { nodes { list { entries { nodes { list { entries { nodes { list { entries { nodes { id } } } } } } } } } } } } } }`;
    const { errors } = await api.send(acme, query);
    expect(errors?.[0]).toMatchObject({ extensions: { code: "LIMIT_EXCEEDED", details: { limit: 12 } } });
  });

  test("when its fields times its rows are too many; a page without a size counts as the default", async () => {
    const cheap = await api.send(acme, `{ lists { nodes { id entries { nodes { id } } } } }`);
    expect(cheap.errors).toBeUndefined();
    const { errors } = await api.send(acme, `{ lists(first: 500) { nodes { id entries { nodes { id } } } } }`);
    expect(errors?.[0]).toMatchObject({
      extensions: { code: "LIMIT_EXCEEDED", details: { name: "cost", limit: 20000 } },
    });
  });

  test("also when the page size comes in a variable", async () => {
    const query = `query ($n: Int = 10) { lists(first: $n) { nodes { id entries(first: $n) { nodes { id } } } } }`;
    expect((await api.send(acme, query, {})).errors).toBeUndefined();
    const { errors } = await api.send(acme, query, { n: 1000 });
    expect(errors?.[0]).toMatchObject({ extensions: { code: "LIMIT_EXCEEDED", details: { name: "cost" } } });
  });

  test("when it is too deep for the parser", async () => {
    const { errors } = await api.send(acme, "{a".repeat(60_000));
    expect(errors?.[0]?.extensions.code).toMatch(/LIMIT_EXCEEDED|GRAPHQL_PARSE_FAILED/);
  });

  test("before other rules, which take the square of its length, see it", async () => {
    const { errors } = await api.send(acme, `{ ${"__typename ".repeat(50_000)} }`);
    expect(errors?.[0]?.extensions.code).toBe("LIMIT_EXCEEDED");
  });
});

test("introspection, as tools send it, is within the limits", async () => {
  const { getIntrospectionQuery } = await import("graphql");
  const { errors } = await api.send(acme, getIntrospectionQuery());
  expect(errors).toBeUndefined();
});

test("in production there is neither introspection nor Ruru; in development there are both", async () => {
  const get = async (url: string) => (await fetch(url, { headers: { accept: "text/html" } })).text();
  for (const [mode, isOpen] of [
    ["production", false],
    ["development", true],
  ] as const) {
    const other = await startGraphqlApi(database, { NODE_ENV: mode });
    try {
      const { errors } = await other.send(acme, "{ __schema { queryType { name } } }");
      expect(errors === undefined).toBe(isOpen);
      if (!isOpen) expect(errors?.[0]?.extensions.code).toBe("GRAPHQL_VALIDATION_FAILED");
      expect(/<html/i.test(await get(other.url.replace("/graphql", "/")))).toBe(isOpen);
      expect(await get(other.url)).not.toMatch(/<html/i);
    } finally {
      await other.close();
    }
  }
});
