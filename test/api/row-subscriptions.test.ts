import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { openSocket, type Followed, type TestSocket } from "../support/socket.ts";

let server: TestServer;
let ann: Somebody;
let bob: Somebody;
const sockets: TestSocket[] = [];

beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  ann = await createSomebody(server);
  bob = await createSomebody(server);
});
afterEach(async () => {
  for (const { client } of sockets.splice(0)) await client.dispose();
});
afterAll(() => server.remove());

function follow(somebody: Somebody, query: string, id: string, token = somebody.token()): Followed {
  const socket = openSocket(server.socketUrl, { authorization: `Bearer ${token}` });
  sockets.push(socket);
  return socket.subscribe(`subscription($id: ID!) { ${query} }`, { id });
}
const run = (somebody: Somebody, sql: string, values: unknown[] = []) =>
  inTenant(server, somebody.tenantId, sql, values);
const make = async (somebody: Somebody, table: string, columns: string, values: string) => {
  await run(somebody, `insert into ${table} (${columns}) values (${values})`);
  const { rows } = await server.database.admin.query<{ id: string }>(
    `select id from ${table} where tenant_id = $1 order by id desc limit 1`,
    [somebody.tenantId],
  );
  return rows[0]!.id;
};
const next = async (followed: Followed) => {
  const { data, errors } = await followed.next();
  if (errors) throw new Error(JSON.stringify(errors));
  return Object.values(data)[0] as any;
};
/** The first state that is the wanted one: what came before may be told again. Waits in vain otherwise. */
const state = async (followed: Followed, wanted: object) => {
  for (;;) {
    const seen = await next(followed);
    if (equals(seen, expect.objectContaining(wanted))) return seen;
  }
};
const equals = (seen: unknown, wanted: unknown) => {
  try {
    expect(seen).toEqual(wanted);
    return true;
  } catch {
    return false;
  }
};

describe("contactChanged", () => {
  const query =
    "contactChanged(contactId: $id) { firstName deletedAt channelIdentifiers { nodes { identifier } } tags { nodes { name } } }";

  it("tells of the contact, its identifiers and its tags, and of its end and return", async () => {
    const id = await make(ann, "crm.contacts", "first_name", "'Ada'");
    const followed = follow(ann, query, encodeTypeId("contact", id));
    expect(await next(followed)).toEqual({
      firstName: "Ada",
      deletedAt: null,
      channelIdentifiers: { nodes: [] },
      tags: { nodes: [] },
    });
    await run(ann, "update crm.contacts set first_name = 'Ada B.' where id = $1", [id]);
    await state(followed, { firstName: "Ada B." });
    await run(
      ann,
      "insert into crm.channel_identifiers (contact_id, channel, identifier) values ($1, 'email', 'ada@example.com')",
      [id],
    );
    await state(followed, { channelIdentifiers: { nodes: [{ identifier: "ada@example.com" }] } });
    await run(
      ann,
      `with t as (insert into crm.contact_tags (name) values ('vip') returning id)
       insert into crm.contact_tag_mapping (contact_id, contact_tag_id) select $1, id from t`,
      [id],
    );
    await state(followed, { tags: { nodes: [{ name: "vip" }] } });
    await run(ann, "update crm.contacts set deleted_at = now() where id = $1", [id]);
    await state(followed, { deletedAt: expect.any(String) });
    await run(ann, "update crm.contacts set deleted_at = null where id = $1", [id]);
    await state(followed, { deletedAt: null });
  });

  it("ends with NOT_FOUND when the contact is gone for good, and for another tenant's", async () => {
    const id = await make(ann, "crm.contacts", "first_name", "'Gone'");
    const typeId = encodeTypeId("contact", id);
    const [followed, stranger] = [follow(ann, query, typeId), follow(bob, query, typeId)];
    const refusal = async (each: Followed) => {
      const { errors } = await each.next();
      await each.completed;
      return errors[0].extensions.code;
    };
    expect(await refusal(stranger)).toBe("NOT_FOUND");
    await next(followed);
    await run(ann, "delete from crm.contacts where id = $1", [id]);
    expect(await refusal(followed)).toBe("NOT_FOUND");
  });

  it("hears of a statement that touches thousands of contacts", async () => {
    const id = await make(ann, "crm.contacts", "first_name", "'Many'");
    await run(ann, "insert into crm.contacts (first_name) select 'x' from generate_series(1, 2000)");
    const followed = follow(ann, query, encodeTypeId("contact", id));
    await next(followed);
    await run(ann, "update crm.contacts set first_name = 'All'");
    await state(followed, { firstName: "All" });
  });
});

describe("threadUpdated", () => {
  it("tells of new messages and of the thread's own state", async () => {
    const contactId = await make(ann, "crm.contacts", "first_name", "'Tim'");
    const id = await make(ann, "inbox.inbox_threads", "contact_id, channel", `'${contactId}', 'email'`);
    const query = "threadUpdated(threadId: $id) { status messageCount deletedAt }";
    const followed = follow(ann, query, encodeTypeId("thread", id));
    expect(await next(followed)).toMatchObject({ status: "OPEN", messageCount: "0" });
    await run(
      ann,
      "insert into inbox.inbox_messages (thread_id, direction, channel, body) values ($1, 'inbound', 'email', 'Hello')",
      [id],
    );
    await state(followed, { messageCount: "1" });
    await run(ann, "update inbox.inbox_threads set status = 'closed' where id = $1", [id]);
    await state(followed, { status: "CLOSED" });
    await run(ann, "update inbox.inbox_threads set deleted_at = now() where id = $1", [id]);
    await state(followed, { deletedAt: expect.any(String) });
  });
});

describe("campaignProgress", () => {
  it("tells of the figures as recipients are added and answer", async () => {
    const contactId = await make(ann, "crm.contacts", "first_name", "'Cam'");
    const id = await make(ann, "outreach.campaigns", "name, channel", "'Spring', 'email'");
    const query = "campaignProgress(campaignId: $id) { name status stats { nodes { recipientCount } } }";
    const followed = follow(ann, query, encodeTypeId("camp", id));
    expect(await next(followed)).toMatchObject({ status: "DRAFT", stats: { nodes: [{ recipientCount: "0" }] } });
    await run(ann, "insert into outreach.campaign_recipients (campaign_id, contact_id) values ($1, $2)", [
      id,
      contactId,
    ]);
    await state(followed, { stats: { nodes: [{ recipientCount: "1" }] } });
    await run(ann, "update outreach.campaigns set name = 'Summer' where id = $1", [id]);
    await state(followed, { name: "Summer" });
  });
});

describe("jobChanged", () => {
  it("tells how far a job is, and completes when it has ended", async () => {
    const id = await make(ann, "pipeline.jobs", "task, subject_type, subject_id", "'export', 'lists', uuidv7()");
    const followed = follow(ann, "jobChanged(jobId: $id) { status progress }", encodeTypeId("job", id));
    expect(await next(followed)).toEqual({ status: "QUEUED", progress: 0 });
    await run(ann, "update pipeline.jobs set status = 'running', worker_id = 'w', started_at = now() where id = $1", [
      id,
    ]);
    await state(followed, { status: "RUNNING" });
    await run(ann, "update pipeline.jobs set progress = 0.5 where id = $1", [id]);
    await state(followed, { progress: 0.5 });
    await run(ann, "update pipeline.jobs set status = 'succeeded', finished_at = now() where id = $1", [id]);
    await state(followed, { status: "SUCCEEDED" });
    await followed.completed;
  });
});
