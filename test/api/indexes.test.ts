import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import pg from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";

/** Enough rows for the planner to prefer an index. */
const rows = 20_000;

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;
let listId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
  for (const slug of ["globex", "acme"]) {
    acme = await createTenant(database, slug);
    const data = await api.ask(acme, `mutation { createList(input: { list: { name: "Big" } }) { list { id rowId } } }`);
    listId = data.createList.list.id;
    await asTenant(
      database,
      { tenantId: acme.tenantId },
      (client) =>
        client.query(
          `insert into lists.list_entries (list_id, email, enrichment_status)
          select $1, 'e' || n || '@x.test', case when n % 100 = 0 then 'failed' else 'pending' end from generate_series(1, $2::int) n`,
          [data.createList.list.rowId, rows],
        ),
      { commit: true },
    );
  }
  await database.admin.query("analyze lists.list_entries; analyze lists.lists");
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

/** The plan of the statement that a document makes the server send, under the sender's own role and claims. */
async function planOf(document: string, variables: object = {}): Promise<string> {
  const sent: { text: string; values?: unknown[] }[] = [];
  const { query } = pg.Client.prototype;
  const spy = jest.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...args: Json[]) {
    if (/(from|update) "lists"\."list_entries"/.test(args[0]?.text)) sent.push(args[0]);
    return query.apply(this, args as never);
  } as never);
  try {
    await api.ask(acme, document, variables);
  } finally {
    spy.mockRestore();
  }
  expect(sent).toHaveLength(1);
  const { text, values } = sent[0]!;
  return asTenant(database, { ...acme, role: "rowhouse_member" }, async (client) => {
    const plan = await client.query<{ "QUERY PLAN": string }>(`explain ${text}`, values);
    return plan.rows.map((row) => row["QUERY PLAN"]).join("\n");
  });
}

const indexCondition = (column: string) => new RegExp(`Index Cond: .*${column}`);

test("equality on e-mail is served by its index", async () => {
  const plan = await planOf(`{ listEntries(filter: { email: { equalTo: "e77@x.test" } }) { nodes { id } } }`);
  expect(plan).toMatch(indexCondition("email = "));
  expect(plan).not.toMatch(/Seq Scan/);
});

test("equality on an enum is plain text to PostgreSQL, and served by its index", async () => {
  const plan = await planOf(
    `query ($list: ID!) {
      listEntries(filter: { listId: { equalTo: $list }, enrichmentStatus: { equalTo: FAILED } }) { nodes { id } }
    }`,
    { list: listId },
  );
  expect(plan).toMatch(indexCondition("list_id = .*enrichment_status\\)?(::text)? = "));
  expect(plan).not.toMatch(/Seq Scan/);
});

test.each([
  ["ID_ASC", (row: Json) => [row.rowId]],
  ["LIST_ID_DESC", (row: Json) => [row.list.rowId, row.rowId]],
])("a page from the middle, by %s, starts in the index where the cursor is", async (order, values) => {
  const page = `listEntries(first: 10, after: $after, orderBy: ${order}) { edges { cursor } nodes { rowId list { rowId } } }`;
  const first = await api.ask(acme, `query ($after: Cursor) { ${page} }`);
  const [digest] = JSON.parse(Buffer.from(first.listEntries.edges[0].cursor, "base64").toString()) as unknown[];
  const middle = await api.ask(acme, `{ listEntries(first: 1, offset: 10000) { nodes { rowId list { rowId } } } }`);
  const cursor = Buffer.from(JSON.stringify([digest, ...values(middle.listEntries.nodes[0])])).toString("base64");
  const plan = await planOf(
    `query ($after: Cursor) { listEntries(first: 10, after: $after, orderBy: ${order}) { nodes { id } } }`,
    { after: cursor },
  );
  expect(plan).toMatch(/Index Cond: .*(ROW\(list_id, id\) <|id >)/);
  expect(plan).not.toMatch(/Seq Scan|Sort/);
});

test("an update by filter finds its rows by the index as well", async () => {
  const plan = await planOf(
    `mutation { updateListEntries(input: { filter: { email: { equalTo: "e78@x.test" } }, patch: { tag: "x" } }) { affectedCount } }`,
  );
  expect(plan).toMatch(indexCondition("email = "));
  expect(plan).not.toMatch(/Seq Scan/);
});
