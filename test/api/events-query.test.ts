import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";

let server: TestServer;
let ann: Somebody;

beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  ann = await createSomebody(server, "admin");
});
afterAll(() => server?.remove());

const pageOf = `query($after: Cursor, $types: [String!], $subjects: [ID!], $first: Int) {
  events(after: $after, types: $types, subjects: $subjects, first: $first) {
    nodes { type subjectType subjectId subjectIds keys rowCount changedFields payload cursor actor { id } }
    cursor hasMore
  }
}`;
const send = (query: string, variables: object = {}, token = ann.token()) => server.post(query, { token, variables });
const ask = async (query: string, variables: object = {}) => {
  const { data, errors } = await send(query, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
};
const page = async (variables: object = {}) => (await ask(pageOf, variables)).events;
const head = async () => (await ask("{ feedHead }")).feedHead as string;
const types = ({ nodes }: any) => nodes.map(({ type }: any) => type);
const create = 'mutation { createContact(input: { contact: { firstName: "Ada" } }) { contact { id rowId } } }';

describe("the query events", () => {
  it("tells what happened after a cursor, by whom, and where to go on", async () => {
    const after = await head();
    const { contact } = (await ask(create)).createContact;
    await ask(
      'mutation($id: ID!) { updateContact(input: { id: $id, patch: { firstName: "Eve" } }) { contact { id } } }',
      contact,
    );
    await ask("mutation($id: ID!) { deleteContact(input: { id: $id }) { contact { id } } }", contact);
    const found = await page({ after });
    expect(types(found)).toEqual(["contact.created", "contact.updated", "contact.deleted"]);
    expect(found.nodes[1]).toMatchObject({
      subjectType: "contacts",
      subjectId: contact.rowId,
      subjectIds: [contact.id],
      keys: [contact.rowId],
      changedFields: ["first_name"],
      actor: { id: encodeTypeId("actor", ann.actorId) },
    });
    expect(found).toMatchObject({ hasMore: false, cursor: await head() });
    expect(await page({ after: found.cursor })).toEqual({ nodes: [], hasMore: false, cursor: found.cursor });
    expect(types(await page({ after: found.nodes[0].cursor }))).toEqual(["contact.updated", "contact.deleted"]);
    expect(types(await page())).toEqual(expect.arrayContaining(["contact.created"]));
  });

  it("is read page by page, by type and by subject, whether the id is given with its prefix or without", async () => {
    const after = await head();
    const [one, two] = [(await ask(create)).createContact.contact, (await ask(create)).createContact.contact];
    await ask('mutation { createCompany(input: { company: { name: "Initech" } }) { company { id } } }');
    const first = await page({ after, first: 2 });
    expect(first).toMatchObject({ hasMore: true, cursor: first.nodes[1].cursor });
    expect(types(await page({ after: first.cursor, first: 2 }))).toEqual(["company.created"]);
    expect(types(await page({ after, types: ["contact.*", "lead.created"] }))).toHaveLength(2);
    for (const subject of [one.id, one.rowId]) {
      const { nodes } = await page({ after, subjects: [subject] });
      expect(nodes.map((node: any) => node.subjectId)).toEqual([one.rowId]);
    }
    expect(two.id).not.toBe(one.id);
  });

  it("shows nothing of another tenant, and refuses who may not read events", async () => {
    const after = await head();
    const bob = await createSomebody(server);
    await inTenant(server, bob.tenantId, "insert into crm.contacts (first_name) values ('Bob')");
    expect((await page({ after })).nodes).toEqual([]);
    const input = { name: "Sync", role: "ADMIN", scopes: ["crm:read"] };
    const made = await ask("mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { key } }", { input });
    for (const query of ["{ events { cursor } }", "{ feedHead }"]) {
      const { errors } = await send(query, {}, made.createApiKey.key);
      expect(errors![0]!.extensions).toMatchObject({ code: "FORBIDDEN", details: { scope: "events:read" } });
      expect((await server.post(query)).errors![0]!.extensions).toMatchObject({ code: "FORBIDDEN" });
    }
  });

  it.each([
    [{ after: "at_nowhere" }, "VALIDATION_FAILED", "after"],
    [{ subjects: ["Ada"] }, "VALIDATION_FAILED", "subjects"],
    [{ first: 0 }, "VALIDATION_FAILED", "first"],
    [{ first: 100_000 }, "LIMIT_EXCEEDED", "first"],
  ])("refuses %j", async (variables, code, field) => {
    const { errors } = await send(pageOf, variables);
    expect(errors![0]!.extensions).toMatchObject({ code, field });
  });

  it("stands beside the table of events, which is filtered and ordered as others are", async () => {
    await ask(create);
    await ask(create);
    const query = `{ allEvents(filter: { type: { equalTo: "contact.created" } }, orderBy: [ID_DESC]) {
      totalCount nodes { type cursor subjectIds createdAt } } }`;
    const { allEvents } = await ask(query);
    expect(allEvents).toMatchObject({
      totalCount: 2,
      nodes: [{ type: "contact.created" }, { type: "contact.created" }],
    });
    const [last, first] = allEvents.nodes;
    expect(await page({ after: last.cursor })).toMatchObject({ nodes: [] });
    expect((await page({ after: first.cursor })).nodes).toMatchObject([{ cursor: last.cursor }]);
  });
});
