import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { openStream, type OpenedStream } from "../support/event-stream.ts";
import { followQuery, storeDocuments, type FollowedQuery } from "../support/live-query.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";

let server: TestServer;
let ann: Somebody;
const streams: OpenedStream[] = [];

const documents = {
  lists: "query Lists @live { lists { nodes { name } } }",
  actors: "query Actors @live { actors { nodes { kind } } }",
  tags: "query Tags @live { contacts { nodes { displayName tags { nodes { name } } } } }",
  groups:
    "query Groups @live { contacts { totalCount groupedAggregates(groupBy: CREATED_AT_TRUNCATED_TO_DAY) { count } } }",
  quality: "query Quality @live { listQualities { nodes { list { name } entryCount emailCount } } }",
  search: 'query Search @live { searchContacts(query: "Zoltan") { nodes { displayName } } }',
  me: "query Me @live { me { role } lists { nodes { name } } }",
  nothing: "query Nothing @live { __typename }",
  wrong: "query Wrong @live(throttle: -1) { lists { nodes { name } } }",
} as const;

beforeAll(async () => {
  server = await startTestServer({ ROWHOUSE_TRUSTED_DOCUMENTS: "allow", ROWHOUSE_LIVE_THROTTLE_MS: "50" });
  await storeDocuments(server, documents);
});
beforeEach(async () => void (ann = await createSomebody(server)));
afterEach(() => streams.splice(0).forEach((each) => each.close()));
afterAll(() => server.remove());

async function live(name: keyof typeof documents, token: string): Promise<FollowedQuery> {
  const followed = await followQuery(server, token, documents[name]);
  streams.push(followed.stream);
  return followed;
}

const run = (somebody: Somebody, sql: string) => inTenant(server, somebody.tenantId, sql);

describe("a live query", () => {
  it.each([
    [
      "tags",
      "a junction",
      "insert into crm.contact_tag_mapping (contact_id, contact_tag_id) select c.id, t.id from crm.contacts c join crm.contact_tags t using (tenant_id) where tenant_id = app.tenant_id()",
    ],
    ["groups", "aggregates", "insert into crm.contacts (display_name) values ('Bo')"],
    [
      "quality",
      "totals",
      "insert into lists.list_entries (list_id, full_name, email) select id, 'Bo', 'bo@example.com' from lists.lists where tenant_id = app.tenant_id()",
    ],
    ["search", "a function", "insert into crm.contacts (display_name) values ('Zoltan Bo')"],
  ] as const)("of %s follows what it reads through %s", async (name, _, change) => {
    await run(ann, "insert into crm.contacts (display_name) values ('Zoltan')");
    await run(ann, "insert into crm.contact_tags (name) values ('VIP')");
    const followed = await live(name, ann.token());
    const { data, errors } = await followed.next();
    expect(errors).toBeUndefined();
    const before = JSON.stringify(data);
    await run(ann, change);
    await followed.next();
    expect(JSON.stringify(followed.copy.data)).not.toBe(before);
    const again = await server.post(documents[name].replace("@live", ""), { token: ann.token() });
    expect(followed.copy.data).toEqual(again.data);
  });
});

describe("a document", () => {
  it.each([
    ["actors", "iam.actors", "VALIDATION_FAILED"],
    ["me", "who is signed in", "VALIDATION_FAILED"],
    ["nothing", "no table", "VALIDATION_FAILED"],
    ["wrong", "-1 ms", "VALIDATION_FAILED"],
  ] as const)("%s cannot be live, and is told why: %s", async (name, reason, code) => {
    const followed = await live(name, ann.token());
    const [first, last, ...more] = await followed.stream.rest();
    expect(first!.data.errors[0]).toMatchObject({ message: expect.stringContaining(reason), extensions: { code } });
    expect(first!.data.data).toBeUndefined();
    expect([last, ...more]).toEqual([{ event: "complete" }]);
  });

  it("that is not stored cannot be live, and over plain HTTP none can", async () => {
    const stream = await openStream(`${server.origin}/graphql`, ann.token(), { query: documents.lists });
    streams.push(stream);
    expect((await stream.next()).data.errors[0]).toMatchObject({
      message: expect.stringContaining("npm run documents"),
      extensions: { code: "FORBIDDEN" },
    });
    const { errors } = await server.post(documents.lists, { token: ann.token() });
    expect(errors![0]).toMatchObject({
      message: expect.stringContaining("text/event-stream"),
      extensions: { code: "VALIDATION_FAILED" },
    });
  });

  it("that is not stored may be live on a developer's machine", async () => {
    const local = await startTestServer({ NODE_ENV: "development" }, server.database);
    const stream = await openStream(`${local.origin}/graphql`, ann.token(), { query: documents.lists });
    streams.push(stream);
    expect((await stream.next()).data.extensions.live.revision).toBe(1);
    await local.close();
  });

  it("that changes something cannot be live", async () => {
    const { errors } = await server.post("mutation @live { logoutEverywhere { endedCount } }", { token: ann.token() });
    expect(errors![0]!.extensions["code"]).toBe("GRAPHQL_VALIDATION_FAILED");
  });
});
