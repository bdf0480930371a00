import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createSomebody, startTestServer, type Somebody, type TestServer } from "../support/server.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  ann = await createSomebody(server);
  bob = await createSomebody(server);
});
afterAll(() => server.remove());

const send = (query: string, variables: object = {}, token = ann.token("manager")) =>
  server.post(query, { token, variables });

/** Sends a document that ought to succeed; its data. */
async function ask(query: string, variables: object = {}) {
  const { data, errors } = await send(query, variables);
  expect(errors).toBeUndefined();
  return data;
}

/** Creates a row of a type; its id. */
async function create(type: string, values: object): Promise<string> {
  const field = type[0]!.toLowerCase() + type.slice(1);
  const data = await ask(`mutation($input: Create${type}Input!) { create${type}(input: $input) { ${field} { id } } }`, {
    input: { [field]: values },
  });
  return data[`create${type}`][field].id;
}

const contact = (firstName: string, values: object = {}) => create("Contact", { firstName, ...values });

const MERGE = `mutation($winnerId: ID!, $loserId: ID!, $survivorship: JSON) {
  mergeContacts(input: { winnerId: $winnerId, loserId: $loserId, survivorship: $survivorship }) {
    merge { id movedCount droppedCount fields undoneAt mergedBy { label } winnerContact { id title primaryEmail } }
  }
}`;
const UNDO = `mutation($mergeId: ID!) { undoMerge(input: { mergeId: $mergeId }) {
  merge { id undoneAt undoneBy { label } loserContact { id title primaryEmail } }
} }`;

describe("what belongs together reads from both sides", () => {
  it("contact.tags and tag.contacts, contact.companies and company.contacts, lead.labels and lead.contacts", async () => {
    const contactId = await contact("Reader");
    const contactTagId = await create("ContactTag", { name: "reads" });
    await create("ContactTagMapping", { contactId, contactTagId });
    const companyId = await create("Company", { name: "Readers & Co" });
    await create("Position", { contactId, companyId, title: "Editor" });
    const leadId = await create("Lead", { contactName: "Reader" });
    await create("LeadContact", { leadId, contactId });
    const leadLabelId = await create("LeadLabel", { name: "warm" });
    await create("LeadLabelMapping", { leadId, leadLabelId });
    const data = await ask(
      `query($contactId: ID!, $tagId: ID!, $companyId: ID!, $leadId: ID!, $labelId: ID!) {
        contact(id: $contactId) { tags { nodes { name } } companies { nodes { name } } leads { nodes { contactName } } }
        contactTag(id: $tagId) { contacts { nodes { firstName } } }
        company(id: $companyId) { contacts { nodes { firstName } } }
        lead(id: $leadId) { labels { nodes { name } } contacts { nodes { firstName } } }
        leadLabel(id: $labelId) { leads { nodes { contactName } } }
      }`,
      { contactId, tagId: contactTagId, companyId, leadId, labelId: leadLabelId },
    );
    expect(data).toEqual({
      contact: {
        tags: { nodes: [{ name: "reads" }] },
        companies: { nodes: [{ name: "Readers & Co" }] },
        leads: { nodes: [{ contactName: "Reader" }] },
      },
      contactTag: { contacts: { nodes: [{ firstName: "Reader" }] } },
      company: { contacts: { nodes: [{ firstName: "Reader" }] } },
      lead: { labels: { nodes: [{ name: "warm" }] }, contacts: { nodes: [{ firstName: "Reader" }] } },
      leadLabel: { leads: { nodes: [{ contactName: "Reader" }] } },
    });
  });

  it("a contact's consents that hold now", async () => {
    const contactId = await contact("Decided");
    for (const isGranted of [true, false])
      await create("ContactConsent", {
        contactId,
        channel: "EMAIL",
        isGranted,
        decidedAt: isGranted ? "2024-01-01T00:00:00Z" : "2025-01-01T00:00:00Z",
      });
    const data = await ask(
      "query($id: ID!) { contact(id: $id) { currentConsents { nodes { channel purpose isGranted } } } }",
      { id: contactId },
    );
    expect(data.contact.currentConsents.nodes).toEqual([{ channel: "EMAIL", purpose: "MARKETING", isGranted: false }]);
  });
});

describe("merging", () => {
  it("takes TypeIDs and fields as the API names them, and can be undone", async () => {
    const [winnerId, loserId] = [await contact("Winner"), await contact("Loser", { title: "Boss" })];
    for (const [contactId, identifier] of [
      [winnerId, "w@x.test"],
      [loserId, "l@x.test"],
    ])
      await create("ChannelIdentifier", { contactId, channel: "EMAIL", identifier, isPrimary: true });
    const data = await ask(MERGE, { winnerId, loserId, survivorship: { primaryEmail: "loser" } });
    const { merge } = data.mergeContacts;
    expect(merge).toEqual({
      id: expect.stringMatching(/^merge_/),
      movedCount: 1,
      droppedCount: 0,
      fields: { title: { from: null, to: "Boss" } },
      undoneAt: null,
      mergedBy: { label: "Zoë" },
      winnerContact: { id: winnerId, title: "Boss", primaryEmail: "l@x.test" },
    });
    const seen = await ask(
      "query($a: ID!, $b: ID!) { a: contact(id: $a) { merges { nodes { id } } } b: contact(id: $b) { id } }",
      {
        a: winnerId,
        b: loserId,
      },
    );
    expect(seen).toEqual({ a: { merges: { nodes: [{ id: merge.id }] } }, b: null });
    const undone = await ask(UNDO, { mergeId: merge.id });
    expect(undone.undoMerge.merge).toEqual({
      id: merge.id,
      undoneAt: expect.any(String),
      undoneBy: { label: "Zoë" },
      loserContact: { id: loserId, title: "Boss", primaryEmail: "l@x.test" },
    });
  });

  it("works for companies alike", async () => {
    const [winnerId, loserId] = [await create("Company", { name: "A" }), await create("Company", { name: "A Inc." })];
    const data = await ask(
      `mutation($winnerId: ID!, $loserId: ID!) { mergeCompanies(input: { winnerId: $winnerId, loserId: $loserId, survivorship: { name: "longest" } }) {
        merge { winnerCompany { id name } winnerContact { id } }
      } }`,
      { winnerId, loserId },
    );
    expect(data.mergeCompanies.merge).toEqual({ winnerCompany: { id: winnerId, name: "A Inc." }, winnerContact: null });
  });

  it("says what is wrong, and knows no other tenant's contacts", async () => {
    const [winnerId, loserId] = [await contact("A"), await contact("B")];
    const companyId = await create("Company", { name: "C" });
    const refused = async (variables: object, token?: string) =>
      (await send(MERGE, variables, token)).errors![0]!.extensions;
    expect(await refused({ winnerId, loserId: companyId })).toMatchObject({ code: "VALIDATION_FAILED" });
    expect(await refused({ winnerId, loserId: winnerId })).toMatchObject({
      code: "VALIDATION_FAILED",
      field: "loserId",
    });
    expect(await refused({ winnerId, loserId, survivorship: { shoeSize: "loser" } })).toMatchObject({
      code: "VALIDATION_FAILED",
      field: "survivorship",
    });
    expect(await refused({ winnerId, loserId }, bob.token("manager"))).toMatchObject({
      code: "NOT_FOUND",
      field: "winnerId",
    });
  });

  it("is for managers: a member is forbidden to merge and to undo, and nothing happens", async () => {
    const [winnerId, loserId] = [await contact("A"), await contact("B")];
    const companies = `mutation($winnerId: ID!, $loserId: ID!) {
      mergeCompanies(input: { winnerId: $winnerId, loserId: $loserId }) { merge { id } } }`;
    const merge = await ask(MERGE, { winnerId, loserId: await contact("C") });
    for (const [query, variables] of [
      [MERGE, { winnerId, loserId }],
      [
        companies,
        { winnerId: await create("Company", { name: "A" }), loserId: await create("Company", { name: "B" }) },
      ],
      [UNDO, { mergeId: merge.mergeContacts.merge.id }],
    ] as const)
      expect((await send(query, variables, ann.token("member"))).errors![0]!.extensions).toMatchObject({
        code: "FORBIDDEN",
      });
    const { contact: winner } = await ask("query($id: ID!) { contact(id: $id) { merges { nodes { id undoneAt } } } }", {
      id: winnerId,
    });
    expect(winner.merges.nodes).toEqual([{ id: merge.mergeContacts.merge.id, undoneAt: null }]);
  });
});

it("a restore says what stands in its way", async () => {
  const id = await create("Company", { name: "First", domain: "first.test" });
  await ask("mutation($id: ID!) { deleteCompany(input: { id: $id }) { company { id } } }", { id });
  await create("Company", { name: "Second", domain: "first.test" });
  const { errors } = await send("mutation($id: ID!) { restoreCompany(input: { id: $id }) { company { id } } }", { id });
  expect(errors![0]!.extensions).toMatchObject({ code: "CONFLICT", field: "domain" });
});
