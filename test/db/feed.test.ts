import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back. */
const as = (role: string, work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work);

const commit = <T>(work: (client: PoolClient) => Promise<T>, tenant = tenantId) =>
  asTenant(database, { tenantId: tenant, ...(tenant === tenantId && { actorId }) }, work, { commit: true });

const head = () =>
  commit(async (client) => (await client.query<{ head: string }>("select events.feed_head() as head")).rows[0]!.head);

const read = (after: string | null, types: string[] = [], subjects: string[] = [], first = 100) =>
  commit(async (client) => {
    const sql = "select *, events.cursor_of(position) as cursor from events.read_feed($1, $2, $3, $4)";
    return (await client.query(sql, [after, types, subjects, first])).rows;
  });

/** What a transaction wrote into the feed, in short; read past the horizon, before it commits. */
async function written(client: PoolClient, sql: string, values: unknown[] = []) {
  const { rows } = await client.query("select coalesce(max(position), 0) as position from events.events");
  await client.query(sql, values);
  const events = await client.query("select * from events.events where position > $1 order by position", [
    rows[0].position,
  ]);
  return events.rows;
}

const CONTACTS = "insert into crm.contacts (first_name) select 'Ada ' || n from generate_series(1, $1) n";

describe("a statement", () => {
  test("that makes one row is one event about it", () =>
    as("system", async (client) => {
      const [event, ...more] = await written(client, CONTACTS, [1]);
      const { rows } = await client.query("select id from crm.contacts");
      expect(more).toEqual([]);
      expect(event).toMatchObject({
        type: "contact.created",
        subject_type: "contacts",
        subject_id: rows[0].id,
        keys: [rows[0].id],
        row_count: "1",
        changed_fields: [],
        actor_id: actorId,
      });
    }));

  test("that makes up to a thousand rows is one event with their ids, one that makes more has their number", () =>
    as("system", async (client) => {
      const [thousand, ...none] = await written(client, CONTACTS, [1000]);
      expect(none).toEqual([]);
      expect(thousand).toMatchObject({ subject_id: null, row_count: "1000" });
      expect(new Set(thousand.keys).size).toBe(1000);
      const [more] = await written(client, CONTACTS, [1001]);
      expect(more).toMatchObject({ subject_id: null, row_count: "1001", keys: [] });
      const named =
        "select count(*)::int as n from crm.contacts c join events.events e on c.updated_at = e.created_at where e.id = $1";
      expect((await client.query(named, [more.id])).rows[0].n).toBe(2001);
    }));

  test("says what changed, and is silent about rows that stayed as they were", () =>
    as("system", async (client) => {
      await client.query(CONTACTS, [3]);
      const sql = "update crm.contacts set first_name = 'Ada 1', title = case when first_name = 'Ada 2' then 'Dr' end";
      expect(await written(client, sql)).toMatchObject([
        { type: "contact.updated", row_count: "2", changed_fields: ["first_name", "title"] },
      ]);
      expect(await written(client, "update crm.contacts set first_name = first_name")).toEqual([]);
      expect(await written(client, "update crm.contacts set title = 'x' where false")).toEqual([]);
    }));

  test("that changes no row takes no lock", () =>
    as("system", async (client) => {
      expect(await written(client, "update crm.contacts set title = 'x'")).toEqual([]);
      expect(await written(client, "delete from crm.contacts")).toEqual([]);
      const { rows } = await client.query(
        "select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
      );
      expect(rows).toEqual([]);
    }));

  test("tells rows that are deleted and restored from those that are changed", () =>
    as("system", async (client) => {
      await client.query(CONTACTS, [3]);
      const gone = "update crm.contacts set deleted_at = now(), title = 'x' where first_name = 'Ada 1'";
      expect(await written(client, gone)).toMatchObject([{ type: "contact.deleted", row_count: "1" }]);
      const both =
        "update crm.contacts set deleted_at = case when first_name = 'Ada 2' then now() end where first_name <> 'Ada 3'";
      const events = await written(client, both);
      expect(events.map(({ type }) => type).sort()).toEqual(["contact.deleted", "contact.restored"]);
      // Ada 2 was gone already for whoever reads.
      expect(await written(client, "delete from crm.contacts")).toMatchObject([
        { type: "contact.deleted", row_count: "2" },
      ]);
    }));

  test("that deletes more than a thousand rows names each of them, in several events", () =>
    as("system", async (client) => {
      await client.query(CONTACTS, [2500]);
      const { rows } = await client.query("select id from crm.contacts");
      for (const sql of ["update crm.contacts set deleted_at = now()", "delete from crm.contacts"]) {
        await client.query("savepoint before");
        const events = await written(client, sql);
        expect(events.map(({ row_count }) => row_count)).toEqual(["1000", "1000", "500"]);
        const keys = events.flatMap((event) => event.keys);
        expect(keys.sort()).toEqual(rows.map(({ id }) => id).sort());
        await client.query("rollback to savepoint before");
      }
    }));

  test("that moves a course of work on is named after the new state", () =>
    as("system", async (client) => {
      const { id: list } = await insertInto(client, "lists.lists", { name: "Leads" });
      const made = await written(client, "insert into lists.export_jobs (list_id) values ($1)", [list]);
      expect(made.find(({ subject_type }) => subject_type === "export_jobs")).toMatchObject({
        type: "export_job.created",
        payload: { status: "queued", list_id: list },
      });
      const move = "update lists.export_jobs set status = $1";
      expect(await written(client, move, ["running"])).toMatchObject([{ type: "export_job.running" }]);
      expect(await written(client, "update lists.export_jobs set row_count = 10")).toEqual([]);
    }));

  test("that updates entries says not what changed, but which were deleted", () =>
    as("system", async (client) => {
      const { id: list } = await insertInto(client, "lists.lists", { name: "Leads" });
      const insert = "insert into lists.list_entries (list_id) select $1 from generate_series(1, 3)";
      expect(await written(client, insert, [list])).toMatchObject([{ type: "list_entry.created", row_count: "3" }]);
      const update = "update lists.list_entries set tag = 'x'";
      expect(await written(client, update)).toMatchObject([
        { type: "list_entry.updated", row_count: "3", changed_fields: [] },
      ]);
      const gone = "update lists.list_entries set deleted_at = now()";
      expect(await written(client, gone)).toMatchObject([{ type: "list_entry.deleted", row_count: "3" }]);
    }));

  test("about rows of two tenants is an event for each of them, without an actor of the other one", async () => {
    const other = (await createTenant(database, "initech")).tenantId!;
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
      await client.query("select set_config('jwt.claims.actor_id', $1, true)", [actorId]);
      const sql = "insert into crm.contacts (tenant_id, first_name, created_by) select unnest($1::uuid[]), 'Ada', null";
      const events = await written(client, sql, [[tenantId, other]]);
      const byTenant = Object.fromEntries(events.map((event) => [event.tenant_id, event.actor_id]));
      expect(byTenant).toEqual({ [tenantId]: actorId, [other]: null });
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  test("keeps to one plan that serves a hundred thousand rows, although it was made for one", () =>
    as("system", async (client) => {
      await client.query(CONTACTS, [20_000]);
      await client.query("update crm.contacts set title = 'x' where first_name = 'Ada 1'");
      await client.query("set local statement_timeout = '20s'");
      expect(await written(client, "update crm.contacts set title = 'y'")).toMatchObject([{ row_count: "20000" }]);
    }));
});

describe("the feed", () => {
  test("wakes its readers once for each transaction and tenant", async () => {
    const listener = await database.admin.connect();
    const heard: (string | undefined)[] = [];
    listener.on("notification", ({ payload }) => heard.push(payload));
    try {
      await listener.query("listen rowhouse_events");
      await commit(async (client) => {
        await client.query(CONTACTS, [1]);
        await client.query(CONTACTS, [1]);
      });
      await commit((client) => client.query("update crm.contacts set title = title"));
      await commit((client) => client.query(CONTACTS, [1]));
      await listener.query("select 1");
      expect(heard).toEqual([tenantId, tenantId]);
    } finally {
      listener.release(true);
    }
  });

  test("takes part anew after a savepoint whose lock was rolled back", async () => {
    const after = await head();
    const late = await database.server.connect();
    try {
      await late.query("begin");
      for (const [name, value] of Object.entries({ role: "rowhouse_system", "jwt.claims.tenant_id": tenantId }))
        await late.query("select set_config($1, $2, true)", [name, value]);
      await late.query("savepoint one");
      await late.query(CONTACTS, [1]);
      await late.query("rollback to savepoint one");
      await late.query(CONTACTS, [1]);
      await commit((client) => client.query(CONTACTS, [1]));
      expect(await read(after)).toEqual([]);
      await late.query("commit");
      expect(await read(after)).toHaveLength(2);
    } finally {
      late.release(true);
    }
  });

  test("is read on from a cursor, by type, by prefix, by subject, and page by page", async () => {
    const after = await head();
    const ids = await commit(async (client) => {
      const one = (await client.query("insert into crm.contacts (first_name) values ('A') returning id")).rows[0].id;
      const two = (await client.query("insert into crm.contacts (first_name) values ('B') returning id")).rows[0].id;
      await client.query("update crm.contacts set title = 'x' where id = any ($1)", [[one, two]]);
      await client.query("insert into crm.companies (name) values ('C')");
      return [one, two] as string[];
    });
    const types = async (...filter: Parameters<typeof read>) => (await read(...filter)).map(({ type }) => type);
    const all = ["contact.created", "contact.created", "contact.updated", "company.created"];
    expect(await types(after)).toEqual(all);
    expect(await types(after, ["company.created"])).toEqual(["company.created"]);
    expect(await types(after, ["contact.*"])).toEqual(all.slice(0, 3));
    expect(await types(after, [], [ids[1]!])).toEqual(["contact.created", "contact.updated"]);
    const [first] = await read(after, [], [], 1);
    expect(await types(first.cursor)).toEqual(all.slice(1));
    expect(await types(await head())).toEqual([]);
  });

  test("tells of a page where to go on, also when nothing of it matches", async () => {
    const after = await head();
    await commit(async (client) => {
      for (let n = 0; n < 3; n++) await client.query(CONTACTS, [1]);
    });
    const page = (cursor: string, types: string[], first: number) =>
      commit(async (client) => {
        const sql = "select cardinality(nodes) as count, cursor, has_more from events.feed_page($1, $2, '{}', $3)";
        return (await client.query(sql, [cursor, types, first])).rows[0];
      });
    const one = await page(after, [], 2);
    expect(one).toMatchObject({ count: 2, has_more: true });
    expect(await page(one.cursor, [], 2)).toMatchObject({ count: 1, has_more: false });
    expect(await page(after, ["company.*"], 2)).toEqual({ count: 0, has_more: false, cursor: await head() });
  });

  test.each([
    ["what is no cursor", ["at_zz"], "RH004", /no cursor/],
    ["a cursor that was changed", ["at_1000000"], "RH004", /no cursor/],
    ["a page of nothing", [null, [], [], 0], "RH004", /1 to 1000/],
    ["a page without end", [null, [], [], 1001], "RH004", /1 to 1000/],
  ])("refuses %s", (_case, values, code, message) =>
    as("viewer", async (client) => {
      const names = values.map((_, n) => `$${n + 1}`).join(", ");
      expect(await refusal(client, `select from events.read_feed(${names})`, values)).toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    }),
  );

  test("refuses a cursor that is ahead of it, and one of a month that is kept no more", async () => {
    await as("viewer", async (client) => {
      const sql = "select from events.read_feed(events.cursor_of(1000000000))";
      expect(await refusal(client, sql)).toMatchObject({ code: "RH006", message: expect.stringMatching(/ahead/) });
    });
    const after = await head();
    await commit((client) => client.query(CONTACTS, [1]));
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
      await client.query("select private.keep_partitions('events.events', now() + interval '1 month')");
      expect((await client.query("select from events.read_feed($1)", [after])).rowCount).toBe(1);
      await client.query("select private.keep_partitions('events.events', now() + interval '6 months')");
      expect(await refusal(client, "select from events.read_feed($1)", [after])).toMatchObject({
        code: "RH006",
        message: expect.stringMatching(/kept no more/),
      });
      const { rows } = await client.query("select events.feed_head() as head");
      expect((await client.query("select from events.read_feed($1)", [rows[0].head])).rowCount).toBe(0);
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  test("is not read in a transaction that does not see what commits meanwhile", async () => {
    const client = await database.server.connect();
    try {
      await client.query("begin isolation level repeatable read");
      await client.query(
        "select set_config('role', 'rowhouse_viewer', true), set_config('jwt.claims.tenant_id', $1, true)",
        [tenantId],
      );
      expect(await refusal(client, "select from events.read_feed()")).toMatchObject({ code: "RH006" });
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  test("goes with its tenant", async () => {
    const { tenantId: gone } = await createTenant(database, "umbrella");
    await commit((client) => client.query(CONTACTS, [5]), gone!);
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [gone]);
      await client.query("delete from iam.tenants where id = $1", [gone]);
      await client.query("commit");
    } finally {
      client.release();
    }
    const left = await database.admin.query("select from events.events where tenant_id = $1", [gone]);
    expect(left.rowCount).toBe(0);
  });
});
