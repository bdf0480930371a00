import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;
let globex: Sender;
let serial = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
});

beforeEach(async () => {
  serial++;
  acme = await createTenant(database, `acme-${serial}`);
  globex = await createTenant(database, `globex-${serial}`);
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const createLists = `mutation ($lists: [ListInput!]!) {
  createLists(input: { lists: $lists }) { affectedCount lists { id name status description createdById } }
}`;

async function listsNamed(...names: string[]): Promise<Json[]> {
  const data = await api.ask(acme, createLists, { lists: names.map((name) => ({ name })) });
  return data.createLists.lists;
}

test("one row is created, changed, deleted and restored, and each answer shows it as it is then", async () => {
  const { createList } = await api.ask(
    acme,
    `mutation { createList(input: { list: { name: "One", metadata: { a: [1] } } }) {
      list { id name status metadata deletedAt entries { totalCount } createdBy { kind } }
    } }`,
  );
  expect(createList.list).toMatchObject({
    name: "One",
    status: "ACTIVE",
    metadata: { a: [1] },
    deletedAt: null,
    entries: { totalCount: 0 },
    createdBy: { kind: "SYSTEM" },
  });
  const id = { id: createList.list.id };
  const { updateList } = await api.ask(
    acme,
    `mutation ($id: ID!) { updateList(input: { id: $id, patch: { description: "d", status: ARCHIVED } }) { list { name description status } } }`,
    id,
  );
  expect(updateList.list).toEqual({ name: "One", description: "d", status: "ARCHIVED" });
  const { deleteList } = await api.ask(
    acme,
    `mutation ($id: ID!) { deleteList(input: { id: $id }) { list { name deletedAt } } }`,
    id,
  );
  expect(deleteList.list).toEqual({ name: "One", deletedAt: expect.any(String) });
  const { restoreList } = await api.ask(
    acme,
    `mutation ($id: ID!) { restoreList(input: { id: $id }) { list { name deletedAt } } }`,
    id,
  );
  expect(restoreList.list).toEqual({ name: "One", deletedAt: null });
});

test("what is absent, deleted or another tenant's is NOT_FOUND alike, and is not changed", async () => {
  const [list, gone] = await listsNamed("Mine", "Gone");
  await api.ask(acme, `mutation ($id: ID!) { deleteList(input: { id: $id }) { list { id } } }`, { id: gone.id });
  const attempts = [
    `updateList(input: { id: $id, patch: { name: "Taken" } }) { list { id } }`,
    `deleteList(input: { id: $id }) { list { id } }`,
    `restoreList(input: { id: $id }) { list { id } }`,
  ];
  for (const attempt of attempts) {
    const foreign = await api.send(globex, `mutation ($id: ID!) { ${attempt} }`, { id: list.id });
    expect(foreign.errors?.[0]).toMatchObject({
      extensions: { code: "NOT_FOUND" },
      path: [attempt.slice(0, attempt.indexOf("("))],
    });
  }
  for (const attempt of attempts.slice(0, 2)) {
    const { errors } = await api.send(acme, `mutation ($id: ID!) { ${attempt} }`, { id: gone.id });
    expect(errors?.[0]?.extensions.code).toBe("NOT_FOUND");
  }
  const many = await api.ask(
    globex,
    `mutation ($ids: [ID!]) { updateLists(input: { ids: $ids, patch: { name: "Taken" } }) { affectedCount lists { id } } }`,
    { ids: [list.id] },
  );
  expect(many.updateLists).toEqual({ affectedCount: 0, lists: [] });
  const { list: unchanged } = await api.ask(acme, `query ($id: ID!) { list(id: $id) { name deletedAt } }`, {
    id: list.id,
  });
  expect(unchanged).toEqual({ name: "Mine", deletedAt: null });
});

test("many rows are created in order by one statement, each with its own fields; all or none", async () => {
  const data = await api.ask(acme, createLists, {
    lists: [{ name: "B", description: "b" }, { name: "A", status: "ARCHIVED" }, { name: "C" }],
  });
  expect(data.createLists).toEqual({
    affectedCount: 3,
    lists: [
      expect.objectContaining({ name: "B", status: "ACTIVE", description: "b" }),
      expect.objectContaining({ name: "A", status: "ARCHIVED", description: null }),
      expect.objectContaining({ name: "C", status: "ACTIVE", description: null }),
    ],
  });
  const { errors } = await api.send(acme, createLists, { lists: [{ name: "D" }, { name: "A" }] });
  expect(errors?.[0]).toMatchObject({ extensions: { code: "CONFLICT", field: "name" } });
  const { lists } = await api.ask(acme, `{ lists(filter: { name: { equalTo: "D" } }) { totalCount } }`);
  expect(lists.totalCount).toBe(0);
});

test("an upsert creates what is missing and updates what is there, to all fields given or to those chosen", async () => {
  await listsNamed("There");
  const upsert = `mutation ($lists: [ListInput!]!, $update: [ListField!]) {
    upsertLists(input: { by: NAME, lists: $lists, update: $update }) { affectedCount insertedCount lists { name description status } }
  }`;
  const all = await api.ask(acme, upsert, {
    lists: [
      { name: "There", description: "new", status: "ARCHIVED" },
      { name: "Fresh", description: "x", status: "ACTIVE" },
    ],
  });
  expect(all.upsertLists).toEqual({
    affectedCount: 2,
    insertedCount: 1,
    lists: [
      { name: "There", description: "new", status: "ARCHIVED" },
      { name: "Fresh", description: "x", status: "ACTIVE" },
    ],
  });
  const some = await api.ask(acme, upsert, {
    lists: [{ name: "There", description: "newer", status: "ACTIVE" }],
    update: ["DESCRIPTION"],
  });
  expect(some.upsertLists.lists).toEqual([{ name: "There", description: "newer", status: "ARCHIVED" }]);
  const none = await api.ask(acme, upsert, { lists: [{ name: "There", description: "no" }], update: [] });
  expect(none.upsertLists).toMatchObject({ affectedCount: 0, insertedCount: 0 });
  const twice = await api.send(acme, upsert, { lists: [1, 2].map((n) => ({ name: "Same", description: `${n}` })) });
  expect(twice.errors?.[0]).toMatchObject({
    message: expect.stringContaining("same key"),
    extensions: { code: "VALIDATION_FAILED" },
  });
  const uneven = await api.send(acme, upsert, { lists: [{ name: "X", description: "x" }, { name: "Y" }] });
  expect(uneven.errors?.[0]).toMatchObject({
    message: expect.stringContaining("lists[1] has no description"),
    extensions: { code: "VALIDATION_FAILED", field: "description" },
  });
});

test("many rows are changed, deleted and restored by ids or by a filter, in one statement", async () => {
  const [a, b] = await listsNamed("A", "B", "C");
  const byIds = await api.ask(
    acme,
    `mutation ($ids: [ID!]) { updateLists(input: { ids: $ids, patch: { status: ARCHIVED } }) { affectedCount lists { name } } }`,
    { ids: [b.id, a.id] },
  );
  expect(byIds.updateLists.affectedCount).toBe(2);
  const byFilter = await api.ask(
    acme,
    `mutation ($filter: ListFilter) { deleteLists(input: { filter: $filter }) { affectedCount lists { name deletedAt } } }`,
    { filter: { status: { equalTo: "ARCHIVED" }, or: [{ name: { equalTo: "A" } }, { name: { equalTo: "C" } }] } },
  );
  expect(byFilter.deleteLists).toEqual({ affectedCount: 1, lists: [{ name: "A", deletedAt: expect.any(String) }] });
  const restored = await api.ask(
    acme,
    `mutation { restoreLists(input: { filter: { name: { in: ["A", "B"] } } }) { affectedCount lists { name } } }`,
  );
  expect(restored.restoreLists).toEqual({ affectedCount: 1, lists: [{ name: "A" }] });
});

test("a mutation of many needs exactly one of ids and a filter that says something", async () => {
  const [list] = await listsNamed("Safe");
  const remove = `mutation ($ids: [ID!], $filter: ListFilter) { deleteLists(input: { ids: $ids, filter: $filter }) { affectedCount } }`;
  for (const variables of [
    {},
    { ids: [] },
    { filter: {} },
    { filter: { status: null } },
    { filter: { status: {} } },
    { ids: [list.id], filter: { name: { equalTo: "Safe" } } },
    { ids: ["junk"] },
  ]) {
    const { errors } = await api.send(acme, remove, variables);
    expect({ variables, code: errors?.[0]?.extensions.code }).toEqual({ variables, code: "VALIDATION_FAILED" });
  }
  expect((await api.ask(acme, `{ lists { totalCount } }`)).lists.totalCount).toBe(1);
});

test("more rows than one request may have are refused with the limit and the count, and none is written", async () => {
  const { errors } = await api.send(acme, createLists, {
    lists: Array.from({ length: 1001 }, (_, i) => ({ name: `L${i}` })),
  });
  expect(errors?.[0]).toMatchObject({
    message: expect.stringMatching(/1001.*1000/),
    extensions: { code: "LIMIT_EXCEEDED", field: "lists", details: { limit: 1000, count: 1001 } },
  });
  expect((await api.ask(acme, `{ lists { totalCount } }`)).lists.totalCount).toBe(0);
});

test("a thousand rows with all their fields go in at once", async () => {
  const [list] = await listsNamed("Big");
  const row = {
    listId: list.id,
    firstName: "A",
    lastName: "B",
    city: "C",
    state: "D",
    postalCode: "E",
    data: { x: 1 },
  };
  const { createListEntries } = await api.ask(
    acme,
    `mutation ($rows: [ListEntryInput!]!) { createListEntries(input: { listEntries: $rows }) { affectedCount } }`,
    { rows: Array.from({ length: 1000 }, (_, i) => ({ ...row, email: `e${i}@x.test` })) },
  );
  expect(createListEntries.affectedCount).toBe(1000);
});

test("a role may write no more than its grants say", async () => {
  const [list] = await listsNamed("Granted");
  for (const mutation of [
    `updateList(input: { id: $id, patch: { name: "No" } }) { list { id } }`,
    `deleteList(input: { id: $id }) { list { id } }`,
  ]) {
    const { errors } = await api.send({ ...acme, role: "viewer" }, `mutation ($id: ID!) { ${mutation} }`, {
      id: list.id,
    });
    expect(errors?.[0]?.extensions.code).toBe("FORBIDDEN");
  }
  const viewer = await api.send(
    { ...acme, role: "viewer" },
    `mutation { createList(input: { list: { name: "No" } }) { list { id } } }`,
  );
  expect(viewer.errors?.[0]?.extensions.code).toBe("FORBIDDEN");
});

test("an entry cannot be put into another tenant's list, and the refusal does not tell whether that list exists", async () => {
  const [list] = await listsNamed("Walled");
  const create = `mutation ($id: ID!) { createListEntry(input: { listEntry: { listId: $id } }) { listEntry { id } } }`;
  const existing = await api.send(globex, create, { id: list.id });
  const absent = await api.send(globex, create, { id: "list_01h00000000000000000000000" });
  const shown = ({ errors }: typeof existing) => [
    errors?.[0]?.message,
    errors?.[0]?.extensions.code,
    errors?.[0]?.extensions.field,
  ];
  expect(shown(existing)).toEqual(shown(absent));
  expect(shown(existing).slice(1)).toEqual(["VALIDATION_FAILED", "listId"]);
});

test("a deleted row is not in the way of a new one with its key, and can then not be restored", async () => {
  const [first] = await listsNamed("Key");
  await api.ask(acme, `mutation ($id: ID!) { deleteList(input: { id: $id }) { list { id } } }`, { id: first.id });
  await listsNamed("Key");
  const { errors } = await api.send(acme, `mutation ($id: ID!) { restoreList(input: { id: $id }) { list { id } } }`, {
    id: first.id,
  });
  expect(errors?.[0]).toMatchObject({ extensions: { code: "CONFLICT", field: "name" } });
});

test("rows of a composite key are upserted by it", async () => {
  const [list] = await listsNamed("Planned");
  const upsert = `mutation ($plans: [EnrichmentPlanUpsertInput!]!) {
    upsertEnrichmentPlans(input: { by: NAME, enrichmentPlans: $plans }) { insertedCount enrichmentPlans { id batchSize } }
  }`;
  const plan = { listId: list.id, name: "P", batchSize: 10 };
  const first = await api.ask(acme, upsert, { plans: [plan] });
  const second = await api.ask(acme, upsert, { plans: [{ ...plan, batchSize: 20 }] });
  expect(first.upsertEnrichmentPlans.insertedCount).toBe(1);
  expect(second.upsertEnrichmentPlans).toEqual({
    insertedCount: 0,
    enrichmentPlans: [{ id: first.upsertEnrichmentPlans.enrichmentPlans[0].id, batchSize: 20 }],
  });
});

test("mutations of one document run in order, each in a transaction of its own", async () => {
  const { data, errors } = await api.send(
    acme,
    `mutation {
      a: createList(input: { list: { name: "Twice" } }) { list { name } }
      b: createList(input: { list: { name: "Twice" } }) { list { name } }
      c: createList(input: { list: { name: "After" } }) { list { name } }
    }`,
  );
  expect(data).toEqual({ a: { list: { name: "Twice" } }, b: null, c: { list: { name: "After" } } });
  expect(errors).toEqual([expect.objectContaining({ path: ["b"] })]);
});
