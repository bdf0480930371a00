import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, startGraphqlApi, type GraphqlApi, type Json, type Sender } from "../support/graphql-api.ts";

let database: TestDatabase;
let api: GraphqlApi;
/** Of New York, where the clocks go forward on 8 March 2026 and back on 1 November. */
let acme: Sender;
/** Of Kolkata, half an hour beside the hours. */
let globex: Sender;
let contacts: string[];

const createEvents = `mutation ($events: [ContactTimelineEventInput!]!) {
  createContactTimelineEvents(input: { contactTimelineEvents: $events }) { affectedCount } }`;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startGraphqlApi(database, { ROWHOUSE_QUERY_COST_MAX: "20000" });
  acme = await createTenant(database, "acme");
  globex = await createTenant(database, "globex");
  for (const [sender, timeZone] of [
    [acme, "America/New_York"],
    [globex, "Asia/Kolkata"],
  ] as const) {
    const { errors } = await setTimeZone(sender, timeZone);
    expect(errors).toBeUndefined();
    const created = await api.ask(
      sender,
      `mutation { createContacts(input: { contacts: [{ firstName: "A" }, { firstName: "B", status: INACTIVE }] }) { contacts { id } } }`,
    );
    contacts = created.createContacts.contacts.map(({ id }: Json) => id);
    const times = [
      ["2026-03-08T04:59:00Z", 0],
      ["2026-03-08T05:00:00Z", 0],
      ["2026-03-08T06:30:00Z", 0],
      ["2026-03-08T07:30:00Z", 0],
      ["2026-03-09T03:59:00Z", 1],
      ["2026-03-09T04:00:00Z", 1],
      ["2026-11-01T05:30:00Z", 1],
      ["2026-11-01T06:30:00Z", 1],
    ] as const;
    const events = times.map(([occurredAt, n], i) => ({
      contactId: contacts[n],
      eventType: i % 2 ? "call.made" : "note.added",
      title: "T",
      occurredAt,
    }));
    await api.ask(sender, createEvents, { events });
  }
  const { contacts: page } = await api.ask(acme, `{ contacts(orderBy: ID_ASC) { nodes { id } } }`);
  contacts = page.nodes.map(({ id }: Json) => id);
});

afterAll(async () => {
  await api?.close();
  await database?.drop();
});

async function setTimeZone(sender: Sender, timeZone: string) {
  const { rows } = await database.admin.query<{ id: string }>("select id from iam.tenants where id = $1", [
    sender.tenantId,
  ]);
  const admin: Sender = { ...sender, role: "admin" };
  const { tenantByRowId } = await api.ask(admin, `query ($id: UUID!) { tenantByRowId(rowId: $id) { id } }`, rows[0]);
  return api.send(
    admin,
    `mutation ($id: ID!, $zone: String!) { updateTenant(input: { id: $id, patch: { timeZone: $zone } }) { tenant { timeZone } } }`,
    { id: tenantByRowId.id, zone: timeZone },
  );
}

/** The groups of timeline events, as `[key, count]`. */
async function groups(sender: Sender, groupBy: string, args = ""): Promise<unknown[]> {
  const data = await api.ask(
    sender,
    `query ($by: [ContactTimelineEventGroupBy!]!) { contactTimelineEvents${args} { groupedAggregates(groupBy: $by) { keys count } } }`,
    { by: groupBy.split("+") },
  );
  return data.contactTimelineEvents.groupedAggregates.map(({ keys, count }: Json) => [
    ...keys.map((key: string) => (/^\d{4}-/.test(key) ? new Date(key).toISOString().slice(0, 16) : key)),
    count,
  ]);
}

test("days begin where the tenant is, also when the clocks change", async () => {
  expect(await groups(acme, "OCCURRED_AT_TRUNCATED_TO_DAY")).toEqual([
    ["2026-03-07T05:00", 1],
    ["2026-03-08T05:00", 4],
    ["2026-03-09T04:00", 1],
    ["2026-11-01T04:00", 2],
  ]);
  expect(await groups(globex, "OCCURRED_AT_TRUNCATED_TO_DAY")).toEqual([
    ["2026-03-07T18:30", 4],
    ["2026-03-08T18:30", 2],
    ["2026-10-31T18:30", 2],
  ]);
});

test("the hour that there is twice is two hours", async () => {
  const autumn = `(filter: { occurredAt: { greaterThan: "2026-10-01T00:00:00Z" } })`;
  expect(await groups(acme, "OCCURRED_AT_TRUNCATED_TO_HOUR", autumn)).toEqual([
    ["2026-11-01T05:00", 1],
    ["2026-11-01T06:00", 1],
  ]);
  expect(await groups(globex, "OCCURRED_AT_TRUNCATED_TO_HOUR", autumn)).toEqual([
    ["2026-11-01T05:30", 1],
    ["2026-11-01T06:30", 1],
  ]);
});

test.each([
  [
    "WEEK",
    [
      ["2026-03-02T05:00", 5],
      ["2026-03-09T04:00", 1],
      ["2026-10-26T04:00", 2],
    ],
  ],
  [
    "MONTH",
    [
      ["2026-03-01T05:00", 6],
      ["2026-11-01T04:00", 2],
    ],
  ],
  [
    "QUARTER",
    [
      ["2026-01-01T05:00", 6],
      ["2026-10-01T04:00", 2],
    ],
  ],
  ["YEAR", [["2026-01-01T05:00", 8]]],
])("spans of a %s are in the tenant's time zone", async (unit, expected) => {
  expect(await groups(acme, `OCCURRED_AT_TRUNCATED_TO_${unit}`)).toEqual(expected);
});

test("rows are grouped by references and closed lists as clients write them, and by several things at once", async () => {
  expect(await groups(acme, "CONTACT_ID")).toEqual(contacts.map((id) => [id, 4]));
  const data = await api.ask(
    acme,
    `{ contacts { groupedAggregates(groupBy: [STATUS]) { keys count } aggregates { count } } }`,
  );
  expect(data.contacts).toEqual({
    groupedAggregates: [
      { keys: ["ACTIVE"], count: 1 },
      { keys: ["INACTIVE"], count: 1 },
    ],
    aggregates: { count: 2 },
  });
  expect(await groups(acme, "CONTACT_ID+OCCURRED_AT_TRUNCATED_TO_MONTH")).toEqual([
    [contacts[0], "2026-03-01T05:00", 4],
    [contacts[1], "2026-03-01T05:00", 2],
    [contacts[1], "2026-11-01T04:00", 2],
  ]);
});

test("groups keep to the filter and to a relation, and leave deleted rows out unless they are asked for", async () => {
  const { contact } = await api.ask(
    acme,
    `query ($id: ID!) { contact(id: $id) { timelineEvents { groupedAggregates(groupBy: OCCURRED_AT_TRUNCATED_TO_YEAR) { count } } } }`,
    { id: contacts[0] },
  );
  expect(contact.timelineEvents.groupedAggregates).toEqual([{ count: 4 }]);
  const { createContact } = await api.ask(
    acme,
    `mutation { createContact(input: { contact: { status: INACTIVE } }) { contact { id } } }`,
  );
  await api.ask(
    acme,
    `mutation ($id: ID!) { deleteContact(input: { id: $id }) { contact { id } } }`,
    createContact.contact,
  );
  const counts = (args: string) =>
    api
      .ask(acme, `{ contacts${args} { groupedAggregates(groupBy: STATUS) { count } } }`)
      .then((data) => data.contacts.groupedAggregates.map(({ count }: Json) => count));
  expect(await counts("")).toEqual([1, 1]);
  expect(await counts("(deleted: INCLUDE)")).toEqual([1, 2]);
  expect(await counts("(filter: { status: { equalTo: INACTIVE } }, deleted: ONLY)")).toEqual([1]);
});

test("more groups than the limit are refused, never cut", async () => {
  const events = Array.from({ length: 1001 }, (_, n) => ({
    contactId: contacts[0],
    eventType: "note.added",
    title: "T",
    occurredAt: new Date(Date.UTC(2020, 0, 1) + n * 86_400_000).toISOString(),
  }));
  const fill = (rows: object[]) => api.ask(acme, createEvents, { events: rows });
  await fill(events.slice(0, 990));
  expect(await groups(acme, "OCCURRED_AT_TRUNCATED_TO_DAY")).toHaveLength(994);
  await fill(events.slice(990));
  const { errors } = await api.send(
    acme,
    `{ contactTimelineEvents { groupedAggregates(groupBy: OCCURRED_AT_TRUNCATED_TO_DAY) { count } } }`,
  );
  expect(errors?.[0]).toMatchObject({
    message: expect.stringContaining("more than 1000 groups"),
    extensions: { code: "LIMIT_EXCEEDED", field: "groupBy", details: { limit: 1000 } },
  });
});

test("groups within rows count for what they may cost", async () => {
  const { errors } = await api.send(
    acme,
    `{ contacts(first: 100) { nodes { a: timelineEvents { groupedAggregates(groupBy: EVENT_TYPE) { keys count distinctCount { id title } } } } } }`,
  );
  expect(errors?.[0]?.extensions).toMatchObject({ code: "LIMIT_EXCEEDED", details: { name: "cost" } });
});

test("a time zone that nobody knows is refused", async () => {
  const { errors } = await setTimeZone(acme, "Europe/Atlantis");
  expect(errors?.[0]?.extensions).toMatchObject({ code: "VALIDATION_FAILED", field: "timeZone" });
});
