import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { buildClientSchema, getIntrospectionQuery, isInputObjectType, isObjectType } from "graphql";
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
  acme = { ...(await createTenant(database, "acme")), role: "manager" };
  globex = { ...(await createTenant(database, "globex")), role: "manager" };
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const newList = async (): Promise<Json> =>
  (
    await api.ask(
      acme,
      `mutation ($name: String!) { createList(input: { list: { name: $name } }) { list { id name rowVersion } } }`,
      {
        name: `List ${++serial}`,
      },
    )
  ).createList.list;

const update = `mutation ($id: ID!, $name: String!, $version: String) {
  updateList(input: { id: $id, patch: { name: $name }, expectedVersion: $version }) { list { id name rowVersion } }
}`;
const updateMany = `mutation ($ids: [ID!]!, $versions: [String!], $name: String!) {
  updateLists(input: { ids: $ids, patch: { description: $name }, expectedVersions: $versions }) { affectedCount lists { id rowVersion } }
}`;
const remove = `mutation ($id: ID!, $version: String) { deleteList(input: { id: $id, expectedVersion: $version }) { list { id rowVersion } } }`;
const restore = `mutation ($id: ID!, $version: String) { restoreList(input: { id: $id, expectedVersion: $version }) { list { id rowVersion } } }`;

test("every row that can be changed shows its version, and every mutation that changes one row takes it", async () => {
  const schema = buildClientSchema(await api.ask(acme, getIntrospectionQuery()));
  const types = Object.values(schema.getTypeMap());
  const changing = types.filter(
    (type) =>
      isInputObjectType(type) &&
      /^(Update|Delete|Restore)/.test(type.name) &&
      type.getFields()["id"] &&
      type.getFields()["expectedVersion"],
  );
  expect(changing.length).toBeGreaterThan(60);
  for (const { name } of changing) {
    const one = /^(?:Update|Delete|Restore)(.+)Input$/.exec(name)![1]!;
    const type = schema.getType(one);
    expect({ one, isShown: isObjectType(type) && "rowVersion" in type.getFields() }).toEqual({ one, isShown: true });
  }
});

test("a change of what was read goes through, and gives the next version", async () => {
  const list = await newList();
  const { updateList } = await api.ask(acme, update, { id: list.id, name: "Next", version: list.rowVersion });
  expect(updateList.list.rowVersion).not.toBe(list.rowVersion);
  const again = await api.ask(acme, `query ($id: ID!) { list(id: $id) { rowVersion } }`, { id: list.id });
  expect(again.list.rowVersion).toBe(updateList.list.rowVersion);
});

test("of clients that change the same version at once, exactly one wins; the others learn the current version", async () => {
  const list = await newList();
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      api.send(acme, update, { id: list.id, name: `Mine ${serial}.${n}`, version: list.rowVersion }),
    ),
  );
  const won = answers.filter(({ errors }) => !errors);
  expect(won).toHaveLength(1);
  const current = won[0]!.data.updateList.list;
  for (const { errors } of answers.filter((each) => each.errors)) {
    expect(errors![0]!.extensions).toMatchObject({
      code: "CONFLICT",
      field: "expectedVersion",
      details: { id: list.id, currentVersion: current.rowVersion },
    });
  }
  const read = await api.ask(acme, `query ($id: ID!) { list(id: $id) { name } }`, { id: list.id });
  expect(read.list.name).toBe(current.name);
});

test("a stale delete and a stale restore do nothing", async () => {
  const list = await newList();
  await api.ask(acme, update, { id: list.id, name: "Changed", version: null });
  const stale = await api.send(acme, remove, { id: list.id, version: list.rowVersion });
  expect(stale.errors?.[0]?.extensions["code"]).toBe("CONFLICT");
  const { currentVersion } = stale.errors![0]!.extensions["details"];
  const { deleteList } = await api.ask(acme, remove, { id: list.id, version: currentVersion });
  const early = await api.send(acme, restore, { id: list.id, version: currentVersion });
  expect(early.errors?.[0]?.extensions).toMatchObject({
    code: "CONFLICT",
    details: { currentVersion: deleteList.list.rowVersion },
  });
  await api.ask(acme, restore, { id: list.id, version: deleteList.list.rowVersion });
});

test("many rows take a version each; when one is stale, none is changed", async () => {
  const lists = [await newList(), await newList()];
  const ids = lists.map(({ id }) => id as string);
  const versions = lists.map(({ rowVersion }) => rowVersion as string);
  const { updateLists } = await api.ask(acme, updateMany, { ids, versions, name: "first" });
  expect(updateLists.affectedCount).toBe(2);
  const next = updateLists.lists.map(({ rowVersion }: Json) => rowVersion);
  const stale = await api.send(acme, updateMany, { ids, versions: [next[0], versions[1]], name: "second" });
  expect(stale.errors?.[0]?.extensions).toMatchObject({
    code: "CONFLICT",
    details: { id: ids[1], currentVersion: next[1] },
  });
  for (const id of ids) {
    const { list } = await api.ask(acme, `query ($id: ID!) { list(id: $id) { description } }`, { id });
    expect(list.description).toBe("first");
  }
});

test("versions that cannot be one, or do not go with the ids, are refused", async () => {
  const { id } = await newList();
  for (const version of ["x", "-1", "4294967296", ""]) {
    const { errors } = await api.send(acme, update, { id, name: "x", version });
    expect(errors?.[0]?.extensions).toMatchObject({ code: "VALIDATION_FAILED", field: "expectedVersion" });
  }
  const { errors } = await api.send(acme, updateMany, { ids: [id], versions: ["1", "2"], name: "x" });
  expect(errors?.[0]?.extensions).toMatchObject({ code: "VALIDATION_FAILED", field: "expectedVersions" });
});

test("a row that is gone, or another tenant's, is NOT_FOUND whatever version is expected, and shows none", async () => {
  const list = await newList();
  await api.ask(acme, remove, { id: list.id, version: null });
  for (const [sender, document] of [
    [acme, update],
    [acme, remove],
    [globex, update],
    [globex, remove],
    [globex, restore],
  ] as const) {
    for (const version of [list.rowVersion, "3"]) {
      const { errors } = await api.send(sender, document, { id: list.id, name: "x", version });
      expect(errors?.[0]?.extensions).toMatchObject({ code: "NOT_FOUND" });
      expect(errors?.[0]?.extensions["details"]).toBeUndefined();
    }
  }
  const many = await api.ask(globex, updateMany, { ids: [list.id], versions: ["3"], name: "x" });
  expect(many.updateLists.affectedCount).toBe(0);
});
