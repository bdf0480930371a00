import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { sentStatements } from "../support/statements.ts";

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

const createContact = `mutation ($contact: ContactInput!) { createContact(input: { contact: $contact }) { contact {
  id firstName primaryEmail
  channelIdentifiers(orderBy: ID_ASC) { nodes { channel identifier isPrimary } }
  customAttributes { nodes { key value } }
  consents { nodes { channel isGranted } }
  tags(orderBy: ID_ASC) { nodes { id name color } }
} } }`;

const ada = {
  firstName: "Ada",
  channelIdentifiers: [
    { channel: "EMAIL", identifier: "ada@x.test", isPrimary: true },
    { channel: "PHONE", identifier: "+12025550123" },
  ],
  customAttributes: [{ key: "level", value: "gold" }],
  consents: [{ channel: "EMAIL", isGranted: true }],
  tags: [{ name: "vip", color: "#ff8800" }, { name: "new" }],
};

async function createTag(sender: Sender, name: string): Promise<string> {
  const data = await api.ask(
    sender,
    `mutation ($name: String!) { createContactTag(input: { contactTag: { name: $name } }) { contactTag { id } } }`,
    { name },
  );
  return data.createContactTag.contactTag.id;
}

const countContacts = async () => (await api.ask(acme, `{ contacts { totalCount } }`)).contacts.totalCount as number;

test("a contact is created with all that belongs to it, and the answer shows it", async () => {
  const { createContact: created } = await api.ask(acme, createContact, { contact: ada });
  expect(created.contact).toMatchObject({
    firstName: "Ada",
    channelIdentifiers: {
      nodes: [
        { channel: "EMAIL", identifier: "ada@x.test", isPrimary: true },
        { channel: "PHONE", identifier: "+12025550123", isPrimary: false },
      ],
    },
    customAttributes: { nodes: [{ key: "level", value: "gold" }] },
    consents: { nodes: [{ channel: "EMAIL", isGranted: true }] },
    tags: {
      nodes: [
        { name: "vip", color: "#ff8800" },
        { name: "new", color: null },
      ],
    },
  });
});

test("one INSERT per table creates many contacts with many rows each", async () => {
  const createContacts = `mutation ($contacts: [ContactInput!]!) { createContacts(input: { contacts: $contacts }) { affectedCount } }`;
  const contacts = Array.from({ length: 100 }, (_, n) => ({ ...ada, firstName: `A${n}` }));
  const statements = await sentStatements(() => api.ask(acme, createContacts, { contacts }));
  const inserts = statements.filter((text) => /insert into/.test(text));
  expect(inserts).toHaveLength(6);
  const { contacts: page } = await api
    .ask(
      acme,
      `{ contacts(first: 100, orderBy: ID_ASC) { nodes { firstName channelIdentifiers { totalCount } tags { nodes { name } } } }
       contactTags { totalCount } }`,
    )
    .then((data: Json) => ({ ...data, tags: expect(data.contactTags.totalCount).toBe(2) }));
  expect(page.nodes).toHaveLength(100);
  for (const [n, node] of page.nodes.entries())
    expect(node).toMatchObject({ firstName: `A${n}`, channelIdentifiers: { totalCount: 2 } });
});

test("tags are linked by id, by name, or created; a deleted one is not brought back", async () => {
  const byId = await createTag(acme, "by id");
  const byName = await createTag(acme, "by name");
  const gone = await createTag(acme, "gone");
  await api.ask(acme, `mutation ($id: ID!) { deleteContactTag(input: { id: $id }) { contactTag { id } } }`, {
    id: gone,
  });
  const tags = [{ id: byId }, { name: "by name" }, { name: "gone" }, { name: "made" }];
  const { createContact: created } = await api.ask(acme, createContact, { contact: { firstName: "B", tags } });
  const shown: Record<string, string> = Object.fromEntries(
    created.contact.tags.nodes.map((tag: Json) => [tag.name, tag.id]),
  );
  expect(Object.keys(shown).sort()).toEqual(["by id", "by name", "gone", "made"]);
  expect(shown).toMatchObject({ "by id": byId, "by name": byName });
  expect(shown["gone"]).not.toBe(gone);
});

test.each([
  [
    { channelIdentifiers: [ada.channelIdentifiers[0], { channel: "EMAIL", identifier: "NOT" }] },
    "channelIdentifiers.1.identifier",
    "VALIDATION_FAILED",
  ],
  [
    { channelIdentifiers: [1, 2, 3].map(() => ada.channelIdentifiers[1]) },
    "channelIdentifiers.1.identifier",
    "CONFLICT",
  ],
  [{ customAttributes: [{ key: "Bad Key", value: 1 }] }, "customAttributes.0.key", "VALIDATION_FAILED"],
  [{ positions: [{ companyId: "company_01h00000000000000000000000" }] }, "positions.0.companyId", "VALIDATION_FAILED"],
  [{ positions: [{ companyId: "junk" }] }, "positions.0.companyId", "VALIDATION_FAILED"],
  [{ tags: [{ name: "ok" }, { name: " " }] }, "tags.name", "VALIDATION_FAILED"],
  [{ tags: [{ name: "ok" }, {}] }, "tags.1", "VALIDATION_FAILED"],
  [{ tags: [{ id: "junk" }] }, "tags.0.id", "VALIDATION_FAILED"],
  [{ tags: [{ id: "tag_01h00000000000000000000000", name: "both" }] }, "tags.0.name", "VALIDATION_FAILED"],
])("%j is refused at %s, and nothing is created", async (wrong, path, code) => {
  const { errors } = await api.send(acme, createContact, { contact: { ...ada, ...wrong } });
  expect(errors?.[0]).toMatchObject({ extensions: { code, field: `contact.${path}` } });
  expect(await countContacts()).toBe(0);
  expect((await api.ask(acme, `{ contactTags { totalCount } }`)).contactTags.totalCount).toBe(0);
});

test("of many contacts, the one that is wrong is named", async () => {
  const contacts = [ada, ada, { ...ada, channelIdentifiers: [{ channel: "PHONE", identifier: "12" }] }, ada];
  const { errors } = await api.send(
    acme,
    `mutation ($contacts: [ContactInput!]!) { createContacts(input: { contacts: $contacts }) { affectedCount } }`,
    { contacts },
  );
  expect(errors?.[0]).toMatchObject({
    message: expect.stringMatching(/^contacts\.2\.channelIdentifiers\.0: /),
    extensions: { code: "VALIDATION_FAILED", field: "contacts.2.channelIdentifiers.0.identifier" },
  });
  expect(await countContacts()).toBe(0);
});

test("a tag or company of another tenant cannot be linked, and is not told from one that is not there", async () => {
  const tag = await createTag(globex, "theirs");
  const refused = async (id: string) => {
    const { errors } = await api.send(acme, createContact, { contact: { firstName: "C", tags: [{ id }] } });
    return { message: errors?.[0]?.message, extensions: { ...errors?.[0]?.extensions, requestId: undefined } };
  };
  expect(await refused(tag)).toEqual(await refused("tag_01h00000000000000000000000"));
  expect((await refused(tag)).extensions).toMatchObject({ code: "VALIDATION_FAILED", field: "contact.tags.0.id" });
  // A name of theirs is a new tag of ours.
  const { createContact: created } = await api.ask(acme, createContact, {
    contact: { firstName: "D", tags: [{ name: "theirs" }] },
  });
  expect(created.contact.tags.nodes).toEqual([expect.objectContaining({ name: "theirs" })]);
  expect(created.contact.tags.nodes[0].id).not.toBe(tag);
});

test("a plan is created with its steps, a blueprint with its first version, by those who may", async () => {
  const { createList } = await api.ask(acme, `mutation { createList(input: { list: { name: "L" } }) { list { id } } }`);
  const plan = {
    listId: createList.list.id,
    name: "P",
    steps: [
      { position: 1, block: "EMAIL" },
      { position: 2, block: "PHONE" },
    ],
  };
  const { createEnrichmentPlan: created } = await api.ask(
    acme,
    `mutation ($plan: EnrichmentPlanInput!) { createEnrichmentPlan(input: { enrichmentPlan: $plan }) {
      enrichmentPlan { steps { nodes { position block } } } } }`,
    { plan },
  );
  expect(created.enrichmentPlan.steps.nodes).toEqual([
    { position: 1, block: "EMAIL" },
    { position: 2, block: "PHONE" },
  ]);
  const createBlueprint = `mutation { createBlueprint(input: { blueprint: { name: "B", versions: [{ changelog: "first" }] } }) {
    blueprint { versions { nodes { version changelog status } } } } }`;
  const { createBlueprint: made } = await api.ask({ ...acme, role: "manager" }, createBlueprint);
  expect(made.blueprint.versions.nodes).toEqual([{ version: 1, changelog: "first", status: "DRAFT" }]);
  const { errors } = await api.send({ ...acme, role: "viewer" }, createContact, { contact: ada });
  expect(errors?.[0]?.extensions.code).toBe("FORBIDDEN");
});

test.each([
  ["Sequence", { name: "S", steps: [1, 2, 3].map((stepNumber) => ({ stepNumber, type: "EMAIL" })) }, "steps", 3],
  [
    "Template",
    { name: "T", channel: "EMAIL", versions: [{ subject: "Hello", body: "Dear {{firstName}}" }] },
    "versions",
    1,
  ],
  [
    "Segment",
    { name: "G", type: "DYNAMIC", rules: [{ field: "status", operator: "EQUALS", value: "active" }] },
    "rules",
    1,
  ],
  ["Workflow", { name: "W", versions: [{ changelog: "first" }] }, "versions", 1],
])("a %s is created with what it consists of", async (type, row, field, count) => {
  const one = type.toLowerCase();
  const data = await api.ask(
    { ...acme, role: "manager" },
    `mutation ($row: ${type}Input!) { create${type}(input: { ${one}: $row }) { ${one} { ${field} { totalCount } } } }`,
    { row },
  );
  expect(data[`create${type}`][one][field].totalCount).toBe(count);
});

test("two senders who name the same new tag at once get one tag", async () => {
  const contacts = Array.from({ length: 8 }, (_, n) => ({ firstName: `E${n}`, tags: [{ name: "same" }] }));
  const created = await Promise.all(contacts.map((contact) => api.ask(acme, createContact, { contact })));
  const ids = created.map((data: Json) => data.createContact.contact.tags.nodes[0].id);
  expect(new Set(ids).size).toBe(1);
});

test("more nested rows than one request may have are refused with the limit and the count", async () => {
  const customAttributes = Array.from({ length: 5001 }, (_, n) => ({ key: `k${n}`, value: "v" }));
  const { errors } = await api.send(acme, createContact, { contact: { firstName: "F", customAttributes } });
  expect(errors?.[0]?.extensions).toMatchObject({
    code: "LIMIT_EXCEEDED",
    field: "customAttributes",
    details: { limit: 5000, count: 5001 },
  });
});

test("an upsert takes no nested rows", async () => {
  const { errors } = await api.send(
    acme,
    `mutation ($plans: [EnrichmentPlanUpsertInput!]!) { upsertEnrichmentPlans(input: { by: NAME, enrichmentPlans: $plans }) { affectedCount } }`,
    { plans: [{ listId: "list_01h00000000000000000000000", name: "P", steps: [] }] },
  );
  expect(errors?.[0]?.message).toMatch(/"steps" is not defined/);
});
