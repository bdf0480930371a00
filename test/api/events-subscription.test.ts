import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { encodeTypeId } from "../../lib/type-id.ts";
import { createSomebody, inTenant, startTestServer, type Somebody, type TestServer } from "../support/server.ts";
import { openSocket, type Followed, type TestSocket } from "../support/socket.ts";
import { until } from "../support/until.ts";

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

const events = `subscription($after: Cursor, $types: [String!], $subjects: [ID!]) {
  events(after: $after, types: $types, subjects: $subjects) { type cursor subjectId rowCount changedFields }
}`;

function follow(somebody: Somebody, variables: Record<string, unknown> = {}, token = somebody.token()): Followed {
  const socket = openSocket(server.socketUrl, { authorization: `Bearer ${token}` });
  sockets.push(socket);
  return socket.subscribe(events, variables);
}
const headOf = async ({ tenantId }: Somebody) => {
  const client = await server.database.admin.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
    return (await client.query<{ head: string }>("select events.feed_head() as head")).rows[0]!.head;
  } finally {
    await client.query("rollback");
    client.release();
  }
};
const addContact = (somebody: Somebody, name: string) =>
  inTenant(server, somebody.tenantId, "insert into crm.contacts (first_name) values ($1)", [name]);
const idOf = async (name: string) =>
  (await server.database.admin.query<{ id: string }>("select id from crm.contacts where first_name = $1", [name]))
    .rows[0]!.id;
const next = async (followed: Followed) => {
  const { data, errors } = await followed.next();
  if (errors) throw new Error(JSON.stringify(errors));
  return data.events;
};
const since = async (somebody: Somebody, variables: Record<string, unknown> = {}) =>
  follow(somebody, { after: await headOf(somebody), ...variables });

const metric = async (name: string) => {
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (.+)$`, "m").exec(text)?.[1]);
};

describe("events", () => {
  it("come after the cursor in order, then each as it happens, deletes included", async () => {
    const after = await headOf(ann);
    await addContact(ann, "Ada");
    const id = await idOf("Ada");
    await inTenant(server, ann.tenantId, "update crm.contacts set last_name = 'L' where id = $1", [id]);
    const followed = follow(ann, { after, subjects: [encodeTypeId("contact", id)] });
    expect(await next(followed)).toMatchObject({ type: "contact.created", subjectId: expect.stringContaining(id) });
    expect(await next(followed)).toMatchObject({ type: "contact.updated", changedFields: ["last_name"] });
    await inTenant(server, ann.tenantId, "update crm.contacts set deleted_at = now() where id = $1", [id]);
    expect((await next(followed)).type).toBe("contact.deleted");
    await inTenant(server, ann.tenantId, "update crm.contacts set deleted_at = null where id = $1", [id]);
    expect((await next(followed)).type).toBe("contact.restored");
  });

  it("go on after any of their cursors without a gap or a repeat", async () => {
    const first = await since(ann, { types: ["contact.*"] });
    for (const name of ["one", "two", "three"]) await addContact(ann, name);
    const seen = [await next(first), await next(first), await next(first)];
    for (const [index, { cursor }] of seen.slice(0, 2).entries()) {
      const again = follow(ann, { after: cursor, types: ["contact.*"] });
      for (const later of seen.slice(index + 1)) expect(await next(again)).toEqual(later);
    }
  });

  it("have every field that a query shows, the same as there", async () => {
    const told = await server.post('{ __type(name: "Event") { fields { name type { kind ofType { kind } } } } }');
    const isPlain = ({ type }: any) => !["OBJECT"].includes(type.ofType?.kind ?? type.kind) || type.kind === "LIST";
    const plain = told.data.__type.fields.filter(isPlain).map(({ name }: { name: string }) => name);
    expect(plain).toEqual(expect.arrayContaining(["id", "rowId", "cursor", "keys", "payload", "createdAt"]));
    const selection = `{ ${plain.join(" ")} actor { id kind } }`;
    const after = await headOf(ann);
    const made = await server.post(
      'mutation { createContact(input: { contact: { firstName: "Eve" } }) { contact { id } } }',
      {
        token: ann.token(),
      },
    );
    expect(made.errors).toBeUndefined();
    const socket = openSocket(server.socketUrl, { authorization: `Bearer ${ann.token()}` });
    sockets.push(socket);
    const event = await next(
      socket.subscribe(`subscription($after: Cursor) { events(after: $after) ${selection} }`, { after }),
    );
    expect(event).toMatchObject({ type: "contact.created", actor: { id: encodeTypeId("actor", ann.actorId) } });
    const asked = await server.post(`query($id: ID!) { event(id: $id) ${selection} }`, {
      token: ann.token(),
      variables: { id: event.id },
    });
    expect(event).toEqual(asked.data.event);
  });

  it("are those of the subscriber's tenant only, whatever subjects are named", async () => {
    const after = await headOf(ann);
    await addContact(bob, "Bill");
    const ofBill = follow(ann, { after, subjects: [await idOf("Bill")] });
    const all = follow(ann, { after, types: ["contact.*"] });
    await addContact(ann, "Anna");
    expect((await next(all)).subjectId).toContain(await idOf("Anna"));
    ofBill.stop();
    await ofBill.completed;
  });

  it("begin now without a cursor", async () => {
    await addContact(ann, "before");
    const followed = follow(ann, { types: ["contact.*"] });
    let first: { subjectId: string } | undefined;
    void next(followed).then((event) => (first = event));
    await until("an event is there", async () => {
      await addContact(ann, "after");
      return first !== undefined;
    });
    expect(first!.subjectId).not.toContain(await idOf("before"));
  });

  it("refuse a cursor that is none, an id that is none, and whoever has no tenant", async () => {
    const refusal = async (followed: Followed) => {
      const { errors } = await followed.next();
      await followed.completed;
      return errors[0].extensions;
    };
    expect(await refusal(follow(ann, { after: "at_12" }))).toMatchObject({ code: "VALIDATION_FAILED", field: "after" });
    expect(await refusal(follow(ann, { subjects: ["nobody"] }))).toMatchObject({
      code: "VALIDATION_FAILED",
      field: "subjects",
    });
    const { token } = server.tokens.sign({ userId: ann.userId, role: "viewer" });
    expect(await refusal(follow(ann, {}, token))).toMatchObject({ code: "TENANT_REQUIRED" });
  });

  it("refuse a key whose scopes do not include the feed, and serve one whose do", async () => {
    const keyWith = async (scope: string) => {
      const mutation =
        'mutation($scopes: [String!]!) { createApiKey(input: { name: "k", role: VIEWER, scopes: $scopes }) { key } }';
      const { data, errors } = await server.post(mutation, {
        token: ann.token("admin"),
        variables: { scopes: [scope] },
      });
      if (errors) throw new Error(JSON.stringify(errors));
      return data.createApiKey.key as string;
    };
    const after = await headOf(ann);
    const refused = follow(ann, { after }, await keyWith("crm:read"));
    expect((await refused.next()).errors[0].extensions).toMatchObject({
      code: "FORBIDDEN",
      details: { scope: "events:read" },
    });
    await refused.completed;
    const served = follow(ann, { after, types: ["contact.*"] }, await keyWith("events:read"));
    await addContact(ann, "Kay");
    expect((await next(served)).type).toBe("contact.created");
  });

  it("reach all who see the same by one read", async () => {
    await until("nobody else follows", async () => (await metric("rowhouse_feed_reads_shared")) === 0);
    const all = await Promise.all(Array.from({ length: 30 }, () => since(ann, { types: ["contact.*"] })));
    await addContact(ann, "Shared");
    for (const each of all) expect((await next(each)).type).toBe("contact.created");
    expect(await metric("rowhouse_feed_reads_shared")).toBe(1);
    expect(await metric("rowhouse_feed_subscribers")).toBeGreaterThanOrEqual(30);
  });

  it("are not held up by another tenant's long transaction, nor lost after one's own", async () => {
    const [mine, theirs] = [await since(ann, { types: ["contact.*"] }), await since(bob, { types: ["contact.*"] })];
    const client = await server.database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [ann.tenantId]);
      await client.query("insert into crm.contacts (first_name) values ('late')");
      await addContact(ann, "early");
      await addContact(bob, "other");
      expect((await next(theirs)).type).toBe("contact.created");
      // Nothing tells anybody that it was rolled back.
      await client.query("rollback");
    } finally {
      client.release();
    }
    expect((await next(mine)).subjectId).toContain(await idOf("early"));
  });

  it("are found by looking when no notification tells of them", async () => {
    const followed = await since(ann, { types: ["contact.*"] });
    await addContact(ann, "told");
    await next(followed);
    // Without triggers, nobody is notified.
    const silent = `with off as (select set_config('session_replication_role', 'replica', true))
      insert into events.events (type, subject_type) select 'contact.silent', 'contacts' from off`;
    await inTenant(server, ann.tenantId, silent);
    expect((await next(followed)).type).toBe("contact.silent");
  });

  it("survive the loss of the connection that hears of them", async () => {
    const followed = await since(ann, { types: ["contact.*"] });
    await addContact(ann, "first");
    await next(followed);
    const killed = await server.database.admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rowhouse changes' and datname = current_database()",
    );
    expect(killed.rowCount).toBe(1);
    for (const name of ["second", "third"]) await addContact(ann, name);
    expect((await next(followed)).subjectId).toContain(await idOf("second"));
    expect((await next(followed)).subjectId).toContain(await idOf("third"));
  });

  it("end with 4401 when the token expires or is taken back", async () => {
    const [expiring, revoked] = [ann.token("member", 1 / 30), ann.token()];
    for (const token of [expiring, revoked]) {
      const socket = openSocket(server.socketUrl, { authorization: `Bearer ${token}` });
      sockets.push(socket);
      const followed = socket.subscribe(events, { after: await headOf(ann) });
      if (token === revoked) {
        await until("it follows", async () => (await metric("rowhouse_feed_subscribers")) > 0);
        await server.post("mutation { logout { endedCount } }", { token });
      }
      expect((await socket.closed).code).toBe(4401);
      await expect(followed.completed).rejects.toMatchObject({ code: 4401 });
      await until("nothing is left of it", async () => (await metric("rowhouse_feed_subscribers")) === 0);
    }
  });
});
