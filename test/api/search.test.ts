import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;

beforeAll(async () => {
  server = await startTestServer();
  ann = await createSomebody(server);
  bob = await createSomebody(server);
  for (const { tenantId, listId } of [ann, bob]) await fill(tenantId, listId);
});
afterAll(() => server.remove());

async function fill(tenantId: string, listId: string): Promise<void> {
  await inTenant(
    server,
    tenantId,
    `insert into crm.contacts (tenant_id, first_name, last_name, status)
     select $1, 'Needle', 'Number' || i, case when i % 3 = 0 then 'archived' else 'active' end from generate_series(1, 60) i`,
    [tenantId],
  );
  const rows = [
    "insert into crm.companies (tenant_id, name) values ($1, 'Needle & Sons')",
    "insert into crm.leads (tenant_id, contact_name) values ($1, 'Needle Worker')",
    "insert into outreach.templates (tenant_id, name, channel) values ($1, 'Needle work', 'email')",
    `insert into outreach.template_versions (tenant_id, template_id, version, body)
     select $1, id, 1, 'About haystacks' from outreach.templates where tenant_id = $1`,
    `insert into inbox.inbox_threads (tenant_id, contact_id, channel) select $1, id, 'email' from crm.contacts where tenant_id = $1 limit 1`,
    `insert into inbox.inbox_messages (tenant_id, thread_id, direction, channel, body)
     select $1, id, 'inbound', 'email', 'Where is the <b>needle</b>?' from inbox.inbox_threads where tenant_id = $1`,
  ];
  for (const row of rows) await inTenant(server, tenantId, row, [tenantId]);
  await inTenant(
    server,
    tenantId,
    "insert into lists.list_entries (tenant_id, list_id, full_name) values ($1, $2, 'Needle Entry')",
    [tenantId, listId],
  );
}

const ask = async (query: string, variables: object = {}) => {
  const answer = await server.post(query, { token: ann.token(), variables });
  expect(answer.errors).toBeUndefined();
  return answer.data;
};

it.each(["Contacts", "Companies", "Leads", "ListEntries", "InboxMessages", "Templates"])(
  "search%s finds this tenant's rows, with what matched marked in escaped HTML",
  async (name) => {
    const field = `search${name}`;
    const data = await ask(
      `{ ${field}(query: "needle", first: 100) { totalCount nodes { id highlights(query: "needle") } } }`,
    );
    expect(data[field].totalCount).toBe(name === "Contacts" ? 60 : 1);
    expect(data[field].nodes).toHaveLength(data[field].totalCount);
    const [highlight] = data[field].nodes[0].highlights;
    expect(highlight).toEqual({ field: expect.any(String), snippet: expect.stringMatching(/<mark>needle<\/mark>/i) });
    expect(highlight.snippet.replaceAll(/<\/?mark>/g, "")).not.toMatch(/[<>]/);
  },
);

it("finds a template by what its version says", async () => {
  const data = await ask(`{ searchTemplates(query: "haystack") { nodes { name } } }`);
  expect(data.searchTemplates.nodes).toEqual([{ name: "Needle work" }]);
});

it("gives every hit once, page by page", async () => {
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const data: any = await ask(
      `query($after: Cursor) { searchContacts(query: "needle", first: 7, after: $after) {
        nodes { lastName } pageInfo { hasNextPage endCursor } } }`,
      { after },
    );
    seen.push(...data.searchContacts.nodes.map((node: { lastName: string }) => node.lastName));
    after = data.searchContacts.pageInfo.hasNextPage ? data.searchContacts.pageInfo.endCursor : null;
  } while (after);
  expect(seen).toHaveLength(60);
  expect(new Set(seen).size).toBe(60);
});

it("keeps to a filter beside the search, and reads relations of its hits", async () => {
  const data = await ask(
    `{ searchContacts(query: "needle", first: 100, filter: { status: { equalTo: ARCHIVED } }) { nodes { status tags { nodes { name } } } } }`,
  );
  expect(data.searchContacts.nodes).toHaveLength(20);
  expect(new Set(data.searchContacts.nodes.map((node: { status: string }) => node.status))).toEqual(
    new Set(["ARCHIVED"]),
  );
});

it("refuses a page that is too large, a search that is too long, and whoever is not signed in", async () => {
  const code = async (query: string, token?: string) =>
    (await server.post(query, token === undefined ? {} : { token })).errors?.[0]?.extensions["code"];
  expect(await code(`{ searchContacts(query: "needle", first: 100000) { nodes { id } } }`, ann.token())).toBe(
    "LIMIT_EXCEEDED",
  );
  expect(await code(`{ searchContacts(query: "${"x".repeat(301)}") { nodes { id } } }`, ann.token())).toBe(
    "LIMIT_EXCEEDED",
  );
  expect(await code(`{ searchContacts(query: "needle") { nodes { id } } }`)).toBe("UNAUTHENTICATED");
});
