import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { sentStatements } from "../support/statements.ts";

let database: TestDatabase;
let api: GraphqlApi;
const senders: Record<string, Sender> = {};
const sizes = { big: 60_000, medium: 3_000, small: 7, empty: 0 };

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
  for (const [slug, size] of Object.entries(sizes)) {
    const sender = (senders[slug] = await createTenant(database, slug));
    const names = ["One", "Other"];
    const created = await api.ask(
      sender,
      `mutation ($lists: [ListInput!]!) { createLists(input: { lists: $lists }) { lists { rowId } } }`,
      { lists: names.map((name) => ({ name })) },
    );
    const [one, other] = created.createLists.lists.map(({ rowId }: Json) => rowId);
    // A tenth of the entries are in the other list, a hundredth have failed.
    const insert = `insert into lists.list_entries (list_id, email, enrichment_status, deleted_at)
      select case when n % 10 = 0 then $2 else $1 end::uuid, 'e' || n || '@x.test', case when n % 100 = 0 then 'failed' else 'pending' end,
        case when n % 4 = 0 then now() end from generate_series(1, $3::int) n`;
    await asTenant(database, { tenantId: sender.tenantId }, (client) => client.query(insert, [one, other, size]), {
      commit: true,
    });
  }
  await database.admin.query("analyze lists.list_entries; analyze lists.lists");
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const counts = async (slug: string, connection: string): Promise<{ totalCount: number; estimatedCount: number }> =>
  (await api.ask(senders[slug]!, `{ page: ${connection} { totalCount estimatedCount } }`)).page;

test.each([
  ["listEntries"],
  ["listEntries(deleted: INCLUDE)"],
  ['listEntries(filter: { email: { equalTo: "e1001@x.test" } })'],
  ["listEntries(filter: { enrichmentStatus: { equalTo: FAILED } }, deleted: INCLUDE)"],
  ["listEntries(first: 3, offset: 2)"],
  ["lists"],
])("%s is estimated within a factor of two for a large tenant, and exact for small ones", async (connection) => {
  for (const slug of ["small", "empty"]) {
    const { totalCount, estimatedCount } = await counts(slug, connection);
    expect({ slug, estimatedCount }).toEqual({ slug, estimatedCount: totalCount });
  }
  for (const slug of ["big", "medium"]) {
    const { totalCount, estimatedCount } = await counts(slug, connection);
    const factor = Math.max(totalCount, 1) / Math.max(estimatedCount, 1);
    expect({ slug, totalCount, estimatedCount, isNear: factor > 0.5 && factor < 2 }).toMatchObject({ isNear: true });
  }
});

test("each row's relation has its own estimate", async () => {
  const data = await api.ask(
    senders["big"]!,
    `{ lists(orderBy: ID_ASC) { nodes { name entries(first: 1) { totalCount estimatedCount nodes { id } } } } }`,
  );
  for (const { entries } of data.lists.nodes) {
    expect(entries.estimatedCount / entries.totalCount).toBeGreaterThan(0.5);
    expect(entries.estimatedCount / entries.totalCount).toBeLessThan(2);
  }
  const [one, other] = data.lists.nodes.map(({ entries }: Json) => entries.estimatedCount);
  expect(one).toBeGreaterThan(4 * other);
});

test("an estimate alone counts no more than a bound, and says nothing of other tenants", async () => {
  const statements = await sentStatements(() => api.ask(senders["big"]!, `{ listEntries { estimatedCount } }`));
  const counting = statements.filter((text) => /count\(\*\)/.test(text));
  expect(counting.every((text) => text.includes("limit 1001"))).toBe(true);
  expect(statements.some((text) => text.startsWith("explain (format json)"))).toBe(true);
  // The statistics know the average tenant; the newcomer has nothing of it.
  const newcomer = (senders["newcomer"] = await createTenant(database, "newcomer"));
  expect(newcomer.tenantId).toBeDefined();
  expect(await counts("newcomer", "listEntries")).toEqual({ totalCount: 0, estimatedCount: 0 });
});
