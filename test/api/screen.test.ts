import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";
import { sentStatements } from "../support/statements.ts";

let database: TestDatabase;
let api: GraphqlApi;
let acme: Sender;
let contacts: Json[];

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database);
  acme = await createTenant(database, "acme");
  const { createCompany } = await api.ask(
    acme,
    `mutation { createCompany(input: { company: { name: "Initech" } }) { company { id } } }`,
  );
  const companyId = createCompany.company.id;
  const rows = Array.from({ length: 25 }, (_, n) => ({
    firstName: `N${n}`,
    positions: [
      { companyId, title: "Former", isPrimary: false },
      { companyId, title: "Clerk", isPrimary: n < 24 },
    ],
    tags: [{ name: "all" }, { name: n % 2 ? "odd" : "even" }],
  }));
  const created = await api.ask(
    acme,
    `mutation ($contacts: [ContactInput!]!) { createContacts(input: { contacts: $contacts }) { contacts { id firstName } } }`,
    { contacts: rows },
  );
  contacts = created.createContacts.contacts;
  const events = contacts.flatMap(({ id }) =>
    [1, 2, 3, 4, 5].map((day) => ({
      contactId: id,
      eventType: "note.added",
      title: `Day ${day}`,
      occurredAt: `2026-01-0${day}T00:00:00Z`,
    })),
  );
  await api.ask(
    acme,
    `mutation ($events: [ContactTimelineEventInput!]!) { createContactTimelineEvents(input: { contactTimelineEvents: $events }) { affectedCount } }`,
    { events },
  );
  const { createInboxThreads } = await api.ask(
    acme,
    `mutation ($threads: [InboxThreadInput!]!) { createInboxThreads(input: { inboxThreads: $threads }) { inboxThreads { id } } }`,
    {
      threads: contacts.flatMap(({ id }) =>
        ["open", "done"].map((subject) => ({ contactId: id, channel: "EMAIL", subject })),
      ),
    },
  );
  await api.ask(
    acme,
    `mutation ($ids: [ID!]) { updateInboxThreads(input: { ids: $ids, patch: { status: CLOSED } }) { affectedCount } }`,
    { ids: createInboxThreads.inboxThreads.filter((_: Json, n: number) => n % 2).map(({ id }: Json) => id) },
  );
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

const screen = `query ($first: Int!, $status: ThreadStatus!) {
  contacts(first: $first, orderBy: ID_ASC) {
    nodes {
      id firstName primaryEmail status
      primaryPosition { title company { name } }
      tags(orderBy: ID_ASC) { nodes { name } }
      timelineEvents(first: 3, orderBy: OCCURRED_AT_DESC) { nodes { title occurredAt actor { kind } } }
      inboxThreads(filter: { status: { equalTo: $status } }) { nodes { subject status assignedTo { id } } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

const variables = { first: 20, status: "OPEN" };

/** The statements that read our tables; the others begin, set the claims and commit. */
async function readingStatements(document: string, given: object): Promise<string[]> {
  const statements = await sentStatements(() => api.ask(acme, document, given));
  return statements.filter((text) => /\bfrom "/.test(text));
}

test("twenty contacts with company, tags, last events and open threads are what they should be", async () => {
  const { contacts: page } = await api.ask(acme, screen, variables);
  expect(page.nodes).toHaveLength(20);
  expect(page.pageInfo.hasNextPage).toBe(true);
  for (const [n, node] of page.nodes.entries())
    expect(node).toMatchObject({
      id: contacts[n].id,
      primaryPosition: { title: "Clerk", company: { name: "Initech" } },
      tags: { nodes: [{ name: "all" }, { name: n % 2 ? "odd" : "even" }] },
      timelineEvents: {
        nodes: ["Day 5", "Day 4", "Day 3"].map((title) =>
          expect.objectContaining({ title, actor: { kind: "SYSTEM" } }),
        ),
      },
      inboxThreads: { nodes: [{ subject: "open", status: "OPEN", assignedTo: null }] },
    });
});

test("the screen is one statement", async () => {
  expect(await readingStatements(screen, variables)).toHaveLength(1);
});

test("a contact's page with everything around it is one statement", async () => {
  const page = `query ($id: ID!) { contact(id: $id) {
    fullName companies { nodes { name } } tags { nodes { name } } consents(first: 5) { nodes { isGranted } } channelIdentifiers { nodes { identifier } }
    customAttributes { nodes { key value } } leads { nodes { status } } tasks(first: 5) { nodes { id } } attempts(first: 5) { nodes { id } }
    campaigns(first: 5) { nodes { name } } sequenceEnrollments(first: 5) { nodes { status sequence { name } } }
    messages(first: 5) { nodes { id } } inboxThreads(first: 5) { nodes { messages(first: 3) { nodes { id } } } }
  } }`;
  expect(await readingStatements(page, { id: contacts[0].id })).toHaveLength(1);
});

test("with the order in a variable, and on the second page, it is one statement still", async () => {
  const { contacts: first } = await api.ask(acme, screen, variables);
  const second = screen
    .replace("($first: Int!,", "($first: Int!, $after: Cursor, $order: [ContactOrderBy!],")
    .replace("first: $first, orderBy: ID_ASC", "first: $first, after: $after, orderBy: $order");
  const given = { ...variables, after: first.pageInfo.endCursor, order: ["ID_ASC"] };
  expect(await readingStatements(second, given)).toHaveLength(1);
  const { contacts: page } = await api.ask(acme, second, given);
  expect(page.nodes.map(({ firstName }: Json) => firstName)).toEqual(["N20", "N21", "N22", "N23", "N24"]);
  expect(page.nodes[3].primaryPosition).toMatchObject({ title: "Clerk" });
  expect(page.nodes[4].primaryPosition).toBeNull();
});
