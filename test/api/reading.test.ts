import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;
let globex: Sender;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
  acme = await createTenant(database, "acme");
  globex = await createTenant(database, "globex");
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

async function createList(sender: Sender, name: string): Promise<Json> {
  const { createList: created } = await api.ask(
    sender,
    `mutation ($list: ListInput!) { createList(input: { list: $list }) { list { id rowId name } } }`,
    { list: { name } },
  );
  return created.list;
}

async function createEntries(sender: Sender, listId: string, count: number): Promise<Json[]> {
  const { createListEntries: created } = await api.ask(
    sender,
    `mutation ($rows: [ListEntryInput!]!) { createListEntries(input: { listEntries: $rows }) { listEntries { id email } } }`,
    { rows: Array.from({ length: count }, (_, i) => ({ listId, email: `e${i}@x.test`, lastName: `N${i % 3}` })) },
  );
  return created.listEntries;
}

test("a row is found by its TypeID, by the uuid behind it, and as a Node; all say the same", async () => {
  const list = await createList(acme, "Found");
  const query = `query ($id: ID!, $rowId: UUID!) {
    list(id: $id) { id rowId name }
    listByRowId(rowId: $rowId) { id rowId name }
    node(id: $id) { __typename id ... on List { rowId name } }
  }`;
  const data = await api.ask(acme, query, { id: list.id, rowId: list.rowId });
  expect(list.id).toMatch(/^list_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(list.rowId).toMatch(/^[0-9a-f-]{36}$/);
  expect(data.list).toEqual(list);
  expect(data.listByRowId).toEqual(list);
  expect(data.node).toEqual({ __typename: "List", ...list });
});

test("an id of another kind, and what is no id, are refused by name; node() finds nothing", async () => {
  const list = await createList(acme, "Refused");
  const wrong = await api.send(acme, `query ($id: ID!) { listEntry(id: $id) { id } }`, { id: list.id });
  expect(wrong.errors?.[0]).toMatchObject({
    message: expect.stringMatching(/is the id of a "list"; an id that begins with "entry_"/),
    extensions: { code: "VALIDATION_FAILED" },
  });
  const junk = await api.send(acme, `{ list(id: "junk") { id } }`);
  expect(junk.errors?.[0]?.extensions.code).toBe("VALIDATION_FAILED");
  expect(await api.ask(acme, `{ node(id: "junk") { id } }`)).toEqual({ node: null });
});

test("another tenant's row is not there: not by id, uuid or node, and not in lists", async () => {
  const list = await createList(acme, "Secret");
  const query = `query ($id: ID!, $rowId: UUID!) {
    list(id: $id) { id } listByRowId(rowId: $rowId) { id } node(id: $id) { id } lists { nodes { id } totalCount }
  }`;
  expect(await api.ask(globex, query, { id: list.id, rowId: list.rowId })).toEqual({
    list: null,
    listByRowId: null,
    node: null,
    lists: { nodes: [], totalCount: 0 },
  });
});

test("relations read both ways, with ids as TypeIDs on both sides", async () => {
  const list = await createList(acme, "Related");
  const [entry] = await createEntries(acme, list.id, 2);
  const data = await api.ask(
    acme,
    `query ($id: ID!) { listEntry(id: $id) { listId list { id entries(first: 1) { totalCount nodes { id } } } } }`,
    { id: entry.id },
  );
  expect(data.listEntry).toEqual({
    listId: list.id,
    list: { id: list.id, entries: { totalCount: 2, nodes: [{ id: entry.id }] } },
  });
});

test("enum values are upper case in output, input, filter, grouping and order", async () => {
  await api.ask(
    acme,
    `mutation { createList(input: { list: { name: "Archived", status: ARCHIVED } }) { list { id } } }`,
  );
  const data = await api.ask(
    acme,
    `query ($status: ListStatus!) {
      lists(filter: { status: { equalTo: $status } }, orderBy: STATUS_DESC) { nodes { name status } }
      all: lists { groupedAggregates(groupBy: STATUS) { keys count } }
    }`,
    { status: "ARCHIVED" },
  );
  expect(data.lists.nodes).toEqual([{ name: "Archived", status: "ARCHIVED" }]);
  expect(data.all.groupedAggregates).toContainEqual({ keys: ["ARCHIVED"], count: 1 });
});

test("a filter by id and one by a related id take TypeIDs", async () => {
  const list = await createList(acme, "Filtered");
  const entries = await createEntries(acme, list.id, 3);
  const data = await api.ask(
    acme,
    `query ($list: ID!, $ids: [ID!]) {
      listEntries(filter: { listId: { equalTo: $list }, id: { in: $ids } }) { nodes { id } }
    }`,
    { list: list.id, ids: [entries[2].id, entries[0].id] },
  );
  expect(data.listEntries.nodes.map((node: Json) => node.id).sort()).toEqual([entries[0].id, entries[2].id].sort());
});

test.each(["ID_ASC", "ID_DESC", "LINE_NUMBER_DESC", "LIST_ID_ASC", "ENRICHMENT_STATUS_DESC"])(
  "pages ordered by %s hold every row once, forwards, with the order in a variable or in the document",
  async (order) => {
    const list = await createList(acme, `Paged ${order}`);
    const entries = await createEntries(acme, list.id, 7);
    for (const inVariable of [true, false]) {
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const data: Json = await api.ask(
          acme,
          `query ($list: ID!, $after: Cursor, $order: [ListEntryOrderBy!]) {
            listEntries(first: 3, after: $after, orderBy: ${inVariable ? "$order" : order}, filter: { listId: { equalTo: $list } }) {
              nodes { id } pageInfo { hasNextPage endCursor }
            }
            other: listEntries(first: 1, orderBy: $order) { nodes { id } }
          }`,
          { list: list.id, after, order: [order] },
        );
        seen.push(...data.listEntries.nodes.map((node: Json) => node.id));
        after = data.listEntries.pageInfo.hasNextPage ? data.listEntries.pageInfo.endCursor : null;
      } while (after);
      expect(seen).toHaveLength(7);
      expect(new Set(seen)).toEqual(new Set(entries.map((entry) => entry.id)));
    }
  },
);

test("pages backwards hold every row once, too", async () => {
  const list = await createList(acme, "Backwards");
  const entries = await createEntries(acme, list.id, 7);
  const seen: string[] = [];
  let before: string | null = null;
  do {
    const data: Json = await api.ask(
      acme,
      `query ($list: ID!, $before: Cursor) {
        listEntries(last: 3, before: $before, orderBy: ENRICHMENT_STATUS_DESC, filter: { listId: { equalTo: $list } }) {
          edges { cursor node { id } } pageInfo { hasPreviousPage startCursor }
        }
      }`,
      { list: list.id, before },
    );
    seen.unshift(...data.listEntries.edges.map((edge: Json) => edge.node.id));
    before = data.listEntries.pageInfo.hasPreviousPage ? data.listEntries.pageInfo.startCursor : null;
  } while (before);
  expect(seen).toEqual(entries.map((entry) => entry.id).reverse());
});

test("a page without a size has the documented default; one beyond the limit is refused with the limit, never cut", async () => {
  const list = await createList(acme, "Sized");
  await createEntries(acme, list.id, 60);
  const { listEntries } = await api.ask(acme, `{ listEntries { nodes { id } pageInfo { hasNextPage } } }`);
  expect(listEntries.nodes).toHaveLength(50);
  expect(listEntries.pageInfo.hasNextPage).toBe(true);
  for (const [argument, value, code] of [
    ["first", 1001, "LIMIT_EXCEEDED"],
    ["last", 2147483647, "LIMIT_EXCEEDED"],
    ["offset", 10_001, "LIMIT_EXCEEDED"],
    ["first", -1, "VALIDATION_FAILED"],
    ["offset", -1, "VALIDATION_FAILED"],
  ] as const) {
    const { errors } = await api.send(acme, `query ($n: Int) { listEntries(${argument}: $n) { nodes { id } } }`, {
      n: value,
    });
    expect(errors?.[0]).toMatchObject({
      message: expect.stringContaining(`${value}`),
      extensions: { code, field: argument },
    });
  }
});

test("deleted rows are left out of lists, counts, relations and look-ups, and shown when asked for", async () => {
  const list = await createList(acme, "Half deleted");
  const [gone, kept] = await createEntries(acme, list.id, 2);
  await api.ask(acme, `mutation ($id: ID!) { deleteListEntry(input: { id: $id }) { listEntry { deletedAt } } }`, {
    id: gone.id,
  });
  const data = await api.ask(
    acme,
    `query ($list: ID!, $id: ID!, $deleted: DeletedRows) {
      list(id: $list) {
        entryCount
        entries { totalCount nodes { id } aggregates { distinctCount { id } } }
        only: entries(deleted: ONLY) { totalCount nodes { id } }
        asked: entries(deleted: $deleted) { totalCount aggregates { distinctCount { id } } }
      }
      listEntry(id: $id) { id }
      node(id: $id) { id }
      found: listEntry(id: $id, deleted: INCLUDE) { id deletedAt }
    }`,
    { list: list.id, id: gone.id, deleted: "INCLUDE" },
  );
  expect(data).toMatchObject({
    list: {
      entryCount: "1",
      entries: { totalCount: 1, nodes: [{ id: kept.id }], aggregates: { distinctCount: { id: "1" } } },
      only: { totalCount: 1, nodes: [{ id: gone.id }] },
      asked: { totalCount: 2, aggregates: { distinctCount: { id: "2" } } },
    },
    listEntry: null,
    node: null,
    found: { id: gone.id, deletedAt: expect.any(String) },
  });
});
