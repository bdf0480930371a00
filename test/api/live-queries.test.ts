import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createClient, type Client } from "graphql-ws";
import WebSocket from "ws";
import { encodeTypeId } from "../../lib/type-id.ts";
import { hashDocument } from "../../server/documents/read-documents.ts";
import type { OpenedStream } from "../support/event-stream.ts";
import { applyAnswer, type LiveCopy } from "../support/live-copy.ts";
import { followQuery, metricOf, storeDocuments, type FollowedQuery } from "../support/live-query.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { until } from "../support/until.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;
const streams: OpenedStream[] = [];
const sockets: Client[] = [];

const documents = {
  lists: "query Lists @live(throttle: 100) { lists(orderBy: NAME_ASC) { totalCount nodes { id name description } } }",
  list: "query List($id: ID!) @live(throttle: 100) { list(id: $id) { name entryCount entries(first: 5) { nodes { id fullName } } } }",
  imports: "query Imports @live(throttle: 100) { listImports { nodes { status lineCount } } }",
  contacts: "query Contacts @live(throttle: 50) { contacts { nodes { id primaryEmail } } }",
  wide: "query Wide @live(throttle: 50) { listImports { nodes { lineCount mapping } } }",
  slow: "query Slow @live(throttle: 60000) { lists { nodes { name } } }",
  sometimes: "query Sometimes($live: Boolean!) @live(if: $live) { lists { nodes { name } } }",
} as const;
type Name = keyof typeof documents;

beforeAll(async () => {
  server = await startTestServer({ ROWHOUSE_TRUSTED_DOCUMENTS: "allow", ROWHOUSE_LIVE_THROTTLE_MS: "50" });
  await storeDocuments(server, documents);
});
beforeEach(async () => {
  ann = await createSomebody(server);
  bob = await createSomebody(server);
});
afterEach(async () => {
  streams.splice(0).forEach((each) => each.close());
  for (const each of sockets.splice(0)) await each.dispose();
});
afterAll(() => server.remove());

async function live(name: Name, token: string, variables: object = {}, at = server): Promise<FollowedQuery> {
  const followed = await followQuery(at, token, documents[name], variables);
  streams.push(followed.stream);
  return followed;
}

const run = (somebody: Somebody, sql: string, values: unknown[] = []) =>
  inTenant(server, somebody.tenantId, sql, values);
const addList = (somebody: Somebody, name: string) =>
  run(somebody, "insert into lists.lists (tenant_id, name) values ($1, $2)", [somebody.tenantId, name]);
const names = ({ copy }: FollowedQuery) => copy.data.lists.nodes.map((each: { name: string }) => each.name);
const metric = (name: string) => metricOf(server, name);
/** Nothing more comes: what would, comes before the answer to a change that is made now. */
async function nextIsOf(followed: FollowedQuery, somebody: Somebody) {
  await addList(somebody, "Zzz");
  await followed.next();
  expect(names(followed)).toContain("Zzz");
}

describe("a live query", () => {
  it("answers at once with all, and then with what differs: rows that are added, changed, deleted and restored", async () => {
    const followed = await live("lists", ann.token());
    const first = await followed.next();
    expect(first).toEqual({
      data: {
        lists: {
          totalCount: expect.anything(),
          nodes: [{ id: encodeTypeId("list", ann.listId), name: "Members", description: null }],
        },
      },
      extensions: { live: { revision: 1 } },
    });
    await addList(ann, "Aaa");
    const added = await followed.next();
    expect(added.data).toBeUndefined();
    expect(added.extensions.live.revision).toBe(2);
    expect(added.extensions.live.patch).toContainEqual({
      op: "add",
      path: "/lists/nodes/0",
      value: expect.objectContaining({ name: "Aaa" }),
    });
    expect(names(followed)).toEqual(["Aaa", "Members"]);
    await run(ann, "update lists.lists set name = 'Mothers' where id = $1", [ann.listId]);
    expect((await followed.next()).extensions.live.patch).toEqual([
      { op: "replace", path: "/lists/nodes/1/name", value: "Mothers" },
    ]);
    await run(ann, "update lists.lists set deleted_at = now() where id = $1", [ann.listId]);
    await followed.next();
    expect(names(followed)).toEqual(["Aaa"]);
    await run(ann, "update lists.lists set deleted_at = null where id = $1", [ann.listId]);
    await followed.next();
    expect(names(followed)).toEqual(["Aaa", "Mothers"]);
    await run(ann, "delete from lists.lists where name = 'Aaa'");
    await followed.next();
    expect(followed.copy.data).toEqual(
      (await server.post(documents.lists.replace("@live(throttle: 100)", ""), { token: ann.token() })).data,
    );
  });

  it("says nothing when another tenant, a table that it does not read, or nothing in its answer changes", async () => {
    const followed = await live("lists", ann.token());
    await followed.next();
    await addList(bob, "Bobs");
    await run(ann, "insert into crm.companies (tenant_id, name) values ($1, 'Acme')", [ann.tenantId]);
    const runs = await metric("rowhouse_live_query_runs_total");
    await sleep(400);
    expect(await metric("rowhouse_live_query_runs_total")).toBe(runs);
    await run(ann, "update lists.lists set updated_at = now(), name = name where id = $1", [ann.listId]);
    await nextIsOf(followed, ann);
    expect(followed.copy.revision).toBe(2);
  });

  it("makes few runs of many changes, and shows the last state", async () => {
    const followed = await live("lists", ann.token());
    await followed.next();
    const before = await metric("rowhouse_live_query_runs_total");
    for (let n = 0; n < 60; n++)
      await run(ann, "update lists.lists set name = $2 where id = $1", [ann.listId, `No ${n}`]);
    while (names(followed)[0] !== "No 59") await followed.next();
    const runs = (await metric("rowhouse_live_query_runs_total")) - before;
    expect(runs).toBeLessThan(30);
    expect(followed.copy.revision).toBeLessThanOrEqual(runs + 1);
  });

  it("runs at most once within its throttle", async () => {
    const followed = await live("slow", ann.token());
    await followed.next();
    const before = await metric("rowhouse_live_query_runs_total");
    await addList(ann, "Later");
    await sleep(500);
    expect(await metric("rowhouse_live_query_runs_total")).toBe(before);
    // Whoever joins gets what is there now, and so do those who wait.
    const other = await live("slow", ann.token());
    expect((await other.next()).data.lists.nodes).toHaveLength(2);
    expect((await live("slow", bob.token()).then((each) => each.next())).data.lists.nodes).toHaveLength(1);
  });

  it("follows what it reads through other tables: nested rows, and counts that are kept", async () => {
    const followed = await live("list", ann.token(), { id: encodeTypeId("list", ann.listId) });
    expect((await followed.next()).data.list).toMatchObject({ name: "Members", entries: { nodes: [] } });
    await run(ann, "insert into lists.list_entries (tenant_id, list_id, full_name) values ($1, $2, 'Zoë Wu')", [
      ann.tenantId,
      ann.listId,
    ]);
    while (followed.copy.data.list.entries.nodes.length === 0) await followed.next();
    expect(followed.copy.data.list.entries.nodes[0].fullName).toBe("Zoë Wu");
    expect(String(followed.copy.data.list.entryCount)).toBe("1");
  });

  it("follows the counts of a task's progress, which are no events", async () => {
    const followed = await live("imports", ann.token());
    expect((await followed.next()).data.listImports.nodes).toEqual([{ status: "AWAITING_UPLOAD", lineCount: "0" }]);
    await run(ann, "update lists.list_imports set line_count = 7 where id = $1", [ann.importId]);
    expect((await followed.next()).extensions.live.patch).toEqual([
      { op: "replace", path: "/listImports/nodes/0/lineCount", value: "7" },
    ]);
  });

  it("is shared by all who ask for the same with the same claims, and by nobody else", async () => {
    const count = () => metric("rowhouse_live_queries");
    await until("those of other tests are gone", async () => (await count()) === 0);
    const three = [
      await live("lists", ann.token()),
      await live("lists", ann.token()),
      await live("lists", ann.token()),
    ];
    for (const each of three) await each.next();
    expect(await count()).toBe(1);
    await (await live("lists", ann.token("viewer"))).next();
    await (await live("lists", bob.token())).next();
    expect(await count()).toBe(3);
    expect(await metric("rowhouse_live_query_subscribers")).toBe(5);
    await addList(ann, "Aaa");
    for (const each of three) expect((await each.next()).extensions.live.revision).toBe(2);
    for (const each of streams) each.close();
    await until("nothing is left", async () => (await count()) === 0);
  });

  it("over a WebSocket answers the same, and may be switched off by a variable", async () => {
    const client = createClient({
      url: server.socketUrl,
      webSocketImpl: WebSocket,
      connectionParams: { token: ann.token() },
      retryAttempts: 0,
    });
    sockets.push(client);
    const ask = (name: Name, variables = {}) =>
      client.iterate<any, any>({ query: "", variables, documentId: hashDocument(documents[name]) } as never);
    const followed = ask("lists");
    expect((await followed.next()).value.extensions).toEqual({ live: { revision: 1 } });
    await addList(ann, "Aaa");
    expect((await followed.next()).value.extensions.live).toMatchObject({ revision: 2, patch: expect.any(Array) });
    await followed.return!();
    const once = ask("sometimes", { live: false });
    expect((await once.next()).value.data.lists.nodes).toHaveLength(2);
    expect((await once.next()).done).toBe(true);
    expect((await ask("sometimes", { live: true }).next()).value.extensions.live.revision).toBe(1);
  });

  it("shows a client who does not read one difference, to the latest state", async () => {
    const client = new WebSocket(server.socketUrl, "graphql-transport-ws");
    const messages: any[] = [];
    client.on("message", (data) => messages.push(JSON.parse(String(data))));
    await new Promise((resolve) => client.once("open", resolve));
    client.send(JSON.stringify({ type: "connection_init", payload: { token: ann.token() } }));
    await until("the socket is acknowledged", async () => messages.length > 0);
    const change = (n: number) => {
      const mapping = "jsonb_build_object('x', repeat($3, 4000000))";
      const sql = `update lists.list_imports set line_count = $2, mapping = ${mapping} where id = $1`;
      return run(ann, sql, [ann.importId, n, String(n % 10)]);
    };
    await change(0);
    client.send(
      JSON.stringify({ id: "1", type: "subscribe", payload: { query: "", documentId: hashDocument(documents.wide) } }),
    );
    const answers = () => messages.filter(({ type }) => type === "next").map(({ payload }) => payload);
    await until("the first answer is there", async () => answers().length === 1);
    (client as unknown as { _socket: { pause(): void } })._socket.pause();
    for (let n = 1; n <= 25; n++) {
      await change(n);
      await sleep(60);
    }
    (client as unknown as { _socket: { resume(): void } })._socket.resume();
    const copy: LiveCopy = { data: undefined };
    let applied = 0;
    await until("the last state is there", async () => {
      for (const answer of answers().slice(applied)) applyAnswer(copy, answer);
      applied = answers().length;
      return copy.data.listImports.nodes[0].lineCount === "25";
    });
    expect(answers().length).toBeLessThan(15);
    client.terminate();
  });
});

describe("who follows a live query", () => {
  it("never sees what they may not: each run has their own claims", async () => {
    const scoped = await server.post(
      "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey { id } } }",
      {
        token: ann.token("admin"),
        variables: { input: { name: "Companies", role: "VIEWER", scopes: ["crm:read"] } },
      },
    );
    expect(scoped.errors).toBeUndefined();
    const followed = await live("lists", scoped.data.createApiKey.key);
    expect((await followed.next()).errors[0].extensions.code).toBe("FORBIDDEN");
    const before = await metric("rowhouse_live_query_runs_total");
    await addList(ann, "Unseen");
    await until("it has run again", async () => (await metric("rowhouse_live_query_runs_total")) > before);
    await server.post("mutation($id: ID!) { revokeApiKey(input: {apiKeyId: $id}) { apiKey { id } } }", {
      token: ann.token("admin"),
      variables: { id: scoped.data.createApiKey.apiKey.id },
    });
    const rest = await followed.stream.rest();
    expect(rest[0]!.data.errors[0].extensions.code).toBe("UNAUTHENTICATED");
    expect(rest).toHaveLength(2);
  });

  it("sees masked what is masked for them, first and later, and is ended when that is changed", async () => {
    await run(ann, "insert into crm.contacts (primary_email) values ('zoe@example.com')");
    const mask = (isMasked: boolean) =>
      server.post("mutation($it: Boolean!) { maskContactData(input: { isMasked: $it }) { tenant { id } } }", {
        token: ann.token("admin"),
        variables: { it: isMasked },
      });
    const open = await live("contacts", ann.token("viewer"));
    expect((await open.next()).data.contacts.nodes[0].primaryEmail).toBe("zoe@example.com");
    expect((await mask(true)).errors).toBeUndefined();
    expect((await open.stream.rest())[0]!.data.errors[0].extensions.code).toBe("UNAUTHENTICATED");
    const masked = await live("contacts", ann.token("viewer"));
    const member = await live("contacts", ann.token());
    expect((await masked.next()).data.contacts.nodes[0].primaryEmail).toBe("z•••@e•••.com");
    expect((await member.next()).data.contacts.nodes[0].primaryEmail).toBe("zoe@example.com");
    await run(ann, "update crm.contacts set primary_email = 'ada@example.com' where primary_email = 'zoe@example.com'");
    const answer = await masked.next();
    expect(answer.extensions.live.patch).toEqual([
      { op: "replace", path: "/contacts/nodes/0/primaryEmail", value: "a•••@e•••.com" },
    ]);
    await member.next();
    expect(member.copy.data.contacts.nodes[0].primaryEmail).toBe("ada@example.com");
  });

  it("is told that their token has expired, and gets nothing more", async () => {
    const followed = await live("lists", ann.token("member", 2 / 60));
    await followed.next();
    const rest = await followed.stream.rest();
    expect(rest[0]!.data.errors[0].extensions.code).toBe("UNAUTHENTICATED");
    expect(rest[1]).toEqual({ event: "complete" });
    await until("nothing is left", async () => (await metric("rowhouse_live_queries")) === 0);
  });

  it("is counted among the tenant's subscriptions", async () => {
    const few = await startTestServer(
      { ROWHOUSE_TRUSTED_DOCUMENTS: "allow", ROWHOUSE_TENANT_SUBSCRIPTIONS_MAX: "1" },
      server.database,
    );
    await (await live("lists", ann.token(), {}, few)).next();
    const second = await live("lists", ann.token(), {}, few);
    expect(second.stream.status).toBe(429);
    await few.close();
  });

  it("is told of an error in a later run, keeps what they have, and goes on after it", async () => {
    const followed = await live("lists", ann.token());
    await followed.next();
    const { admin } = server.database;
    await admin.query("alter table lists.lists rename column description to described");
    try {
      await run(ann, "insert into lists.lists (tenant_id, name) values ($1, 'Unseen')", [ann.tenantId]);
      const failed = await followed.next();
      expect(failed.errors[0].extensions.code).toBe("INTERNAL");
      expect(failed.extensions.live).toEqual({ revision: 2 });
      expect(names(followed)).toEqual(["Members"]);
    } finally {
      await admin.query("alter table lists.lists rename column described to description");
    }
    const mended = await followed.next();
    expect(mended.errors).toBeUndefined();
    expect(names(followed)).toEqual(["Members", "Unseen"]);
  });

  it("misses nothing while the connection that hears of changes is lost", async () => {
    const followed = await live("lists", ann.token());
    await followed.next();
    await server.database.admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rowhouse changes' and datname = current_database()",
    );
    await addList(ann, "Meanwhile");
    await followed.next();
    expect(names(followed)).toEqual(["Meanwhile", "Members"]);
  });
});
