import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";
import { until } from "../support/until.ts";

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

/** Works as a role of the tenant, and rolls back unless told to commit. */
const as = <T>(role: string, work: (client: PoolClient) => Promise<T>, options?: { commit: boolean }) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work, options);
const commit = { commit: true };

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `inbox.${table}`, row);

async function threadOf(client: PoolClient) {
  const contact = await insertInto(client, "crm.contacts", { first_name: "Anna" });
  return insert(client, "inbox_threads", { contact_id: contact.id, channel: "email" });
}

const message = (client: PoolClient, thread_id: string, row: Record<string, unknown> = {}) =>
  insert(client, "inbox_messages", {
    thread_id,
    direction: "inbound",
    channel: "email",
    body: "Hello",
    ...row,
  });

const change = async (client: PoolClient, id: string, set: string) =>
  (await client.query(`update inbox.inbox_threads set ${set} where id = $1 returning *`, [id])).rows[0];

const countsOf = async (client: PoolClient, id: string) =>
  (
    await client.query(
      "select message_count::int as all, unread_count::int as unread, last_message_at as latest from inbox.inbox_threads where id = $1",
      [id],
    )
  ).rows[0];

const day = (n: number) => new Date(Date.UTC(2026, 0, n));

describe("a conversation", () => {
  test.each([["open pending open closed open"], ["open snoozed open"], ["open snoozed pending snoozed closed open"]])(
    "goes from one to the next: %s",
    (path) =>
      as("member", async (client) => {
        const { id } = await threadOf(client);
        for (const status of path.split(" ").slice(1)) {
          const until = status === "snoozed" ? ", snoozed_until = now() + interval '1 day'" : "";
          const thread = await change(client, id, `status = '${status}'${until}`);
          expect(thread).toMatchObject({
            status,
            closed_at: status === "closed" ? expect.any(Date) : null,
            snoozed_until: status === "snoozed" ? expect.any(Date) : null,
          });
        }
      }),
  );

  test.each([
    ["pending", "From there it can become: open."],
    ["snoozed", "From there it can become: open."],
  ])("that is closed is opened before it is %s", (status, possible) =>
    as("member", async (client) => {
      const { id } = await threadOf(client);
      await change(client, id, "status = 'closed'");
      const sql = `update inbox.inbox_threads set status = '${status}', snoozed_until = $2 where id = $1`;
      expect(await refusal(client, sql, [id, status === "snoozed" ? day(1) : null])).toMatchObject({
        code: "RH006",
        message: expect.stringMatching(`is closed and cannot become ${status}. ${possible}`),
      });
    }),
  );

  test("begins open or pending", () =>
    as("system", async (client) => {
      const { contact_id } = await threadOf(client);
      await insert(client, "inbox_threads", { contact_id, channel: "sms", status: "pending" });
      const sql = "insert into inbox.inbox_threads (contact_id, channel, status) values ($1, 'sms', 'closed')";
      expect(await refusal(client, sql, [contact_id])).toMatchObject({ code: "RH006" });
    }));

  test("is snoozed until a time, which only a snoozed one has and may put off", () =>
    as("member", async (client) => {
      const { id } = await threadOf(client);
      const refused = { code: "23514", constraint: "inbox_threads_snoozed_until_check" };
      const set = (what: string) => refusal(client, `update inbox.inbox_threads set ${what} where id = $1`, [id]);
      expect(await set("status = 'snoozed'")).toMatchObject(refused);
      expect(await set("snoozed_until = now() + interval '1 day'")).toMatchObject(refused);
      await change(client, id, "status = 'snoozed', snoozed_until = '2030-01-01Z'");
      expect(await change(client, id, "snoozed_until = '2030-01-02Z'")).toMatchObject({
        snoozed_until: new Date("2030-01-02Z"),
      });
      expect(await set("snoozed_until = null")).toMatchObject(refused);
    }));

  test("has an assignee and counts that no request writes", () =>
    as("admin", async (client) => {
      const { id } = await threadOf(client);
      for (const column of ["assigned_to", "message_count", "unread_count", "last_message_at", "closed_at"])
        expect(
          await refusal(client, `update inbox.inbox_threads set ${column} = null where id = $1`, [id]),
        ).toMatchObject({ code: "42501" });
    }));
});

describe("the counts of a conversation", () => {
  test("follow its messages as they come, are read, are deleted, come back and go", () =>
    as("system", async (client) => {
      const { id } = await threadOf(client);
      const first = await message(client, id, { sent_at: day(2) });
      const late = await message(client, id, { sent_at: day(1) });
      await message(client, id, { direction: "outbound", sent_at: day(3) });
      await message(client, id, { direction: "internal", sent_at: day(4) });
      expect(await countsOf(client, id)).toEqual({ all: 4, unread: 2, latest: day(4) });
      const set = (what: string, messageId: string) =>
        client.query(`update inbox.inbox_messages set ${what} where id = $1`, [messageId]);
      await set("read_at = now()", first.id);
      expect(await countsOf(client, id)).toEqual({ all: 4, unread: 1, latest: day(4) });
      await set("deleted_at = now()", late.id);
      expect(await countsOf(client, id)).toEqual({ all: 3, unread: 0, latest: day(4) });
      await set("deleted_at = null", late.id);
      expect(await countsOf(client, id)).toEqual({ all: 4, unread: 1, latest: day(4) });
      await client.query("delete from inbox.inbox_messages where direction = 'internal'");
      expect(await countsOf(client, id)).toEqual({ all: 3, unread: 1, latest: day(3) });
      await client.query("delete from inbox.inbox_messages");
      expect(await countsOf(client, id)).toEqual({ all: 0, unread: 0, latest: null });
    }));

  test("follow a message that is moved to another conversation", () =>
    as("system", async (client) => {
      const [from, to] = [await threadOf(client), await threadOf(client)];
      const { id } = await message(client, from.id, { sent_at: day(1) });
      await client.query("update inbox.inbox_messages set thread_id = $2 where id = $1", [id, to.id]);
      expect(await countsOf(client, from.id)).toEqual({ all: 0, unread: 0, latest: null });
      expect(await countsOf(client, to.id)).toEqual({ all: 1, unread: 1, latest: day(1) });
    }));

  test("of many are kept by one update of each, however many messages a statement writes", () =>
    as("system", async (client) => {
      for (let n = 0; n < 5; n++) await threadOf(client);
      const updates = async () =>
        Number(
          (await client.query("select pg_stat_get_xact_tuples_updated('inbox.inbox_threads'::regclass) as n")).rows[0]
            .n,
        );
      const run = async (sql: string) => {
        const before = await updates();
        await client.query(sql);
        const { rows } = await client.query(
          "select distinct message_count::int as all, unread_count::int as unread from inbox.inbox_threads where message_count > 0 or deleted_at is null",
        );
        return { updates: (await updates()) - before, counts: rows };
      };
      expect(
        await run(`insert into inbox.inbox_messages (thread_id, direction, channel, body)
          select t.id, 'inbound', 'email', 'Hello' from inbox.inbox_threads t, generate_series(1, 400)`),
      ).toEqual({ updates: 5, counts: [{ all: 400, unread: 400 }] });
      expect(await run("update inbox.inbox_messages set read_at = now()")).toEqual({
        updates: 5,
        counts: [{ all: 400, unread: 0 }],
      });
      // What changes nothing about a conversation does not write it.
      expect((await run("update inbox.inbox_messages set body = 'Hi'")).updates).toBe(0);
      expect(await run("delete from inbox.inbox_messages")).toEqual({ updates: 5, counts: [{ all: 0, unread: 0 }] });
    }));

  test("are right when two write to the same conversation at once", async () => {
    const { id } = await as("member", threadOf, commit);
    let late: Promise<unknown>;
    await as(
      "member",
      async (client) => {
        await message(client, id);
        late = as("member", (other) => message(other, id), commit);
        await until("the second message waits for the first", async () => {
          const waiting =
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
          return (await database.admin.query(waiting)).rowCount! > 0;
        });
      },
      commit,
    );
    await late!;
    expect(await as("member", (client) => countsOf(client, id))).toMatchObject({ all: 2, unread: 2 });
    await as("system", (client) => client.query("delete from inbox.inbox_threads where id = $1", [id]), commit);
  });

  test("take a message of a provider once", () =>
    as("member", async (client) => {
      const { id } = await threadOf(client);
      await message(client, id, { external_id: "abc" });
      await message(client, id, { external_id: "abc", channel: "sms" });
      const again = `insert into inbox.inbox_messages (thread_id, direction, channel, body, external_id)
        values ($1, 'inbound', 'email', 'Hello', 'abc')`;
      expect(await refusal(client, again, [id])).toMatchObject({ constraint: "inbox_messages_external_id_key" });
      expect((await countsOf(client, id)).all).toBe(2);
    }));

  test("tell who of us wrote a message, and of nobody when the contact did, whoever writes it down", () =>
    as("member", async (client) => {
      const { id } = await threadOf(client);
      expect((await message(client, id, { direction: "outbound" })).sent_by).toBe(actorId);
      expect((await message(client, id)).sent_by).toBeNull();
      const sql = `insert into inbox.inbox_messages (thread_id, direction, channel, body, sent_by)
        values ($1, 'outbound', 'email', 'x', $2)`;
      expect(await refusal(client, sql, [id, actorId])).toMatchObject({ code: "42501" });
    }));
});

describe("the clocks of a conversation", () => {
  const clock = (client: PoolClient, thread_id: string, kind: string) =>
    insert(client, "inbox_sla_clocks", { thread_id, kind, due_at: day(1) });

  test("are one of a kind at a time: a new one starts when the old one has ended", () =>
    as("system", async (client) => {
      const { id } = await threadOf(client);
      const first = await clock(client, id, "first_response");
      await clock(client, id, "resolution");
      const again = "insert into inbox.inbox_sla_clocks (thread_id, kind, due_at) values ($1, 'first_response', now())";
      const refused = { constraint: "inbox_sla_clocks_thread_id_kind_key" };
      expect(await refusal(client, again, [id])).toMatchObject(refused);
      const move = (set: string) => client.query(`update inbox.inbox_sla_clocks set ${set} where id = $1`, [first.id]);
      await move("status = 'paused', paused_at = now()");
      expect(await refusal(client, again, [id])).toMatchObject(refused);
      await move("status = 'running', paused_at = null, paused_seconds = 60");
      await move("status = 'met', ended_at = now()");
      await clock(client, id, "first_response");
    }));

  test("that have ended do not run again, and say when they stopped and ended", () =>
    as("system", async (client) => {
      const { id } = await threadOf(client);
      const first = await clock(client, id, "resolution");
      const move = (set: string) =>
        refusal(client, `update inbox.inbox_sla_clocks set ${set} where id = $1`, [first.id]);
      expect(await move("status = 'breached'")).toMatchObject({ constraint: "inbox_sla_clocks_ended_at_check" });
      expect(await move("status = 'paused'")).toMatchObject({ constraint: "inbox_sla_clocks_paused_at_check" });
      await client.query("update inbox.inbox_sla_clocks set status = 'breached', ended_at = now() where id = $1", [
        first.id,
      ]);
      expect(await move("status = 'running', ended_at = null")).toMatchObject({ code: "RH006" });
    }));

  test("follow one active policy of each priority, which managers make", () =>
    as("manager", async (client) => {
      const policy = { name: "Soon", first_response_minutes: 30, resolution_minutes: 480 };
      const { id } = await insert(client, "inbox_sla_policies", policy);
      const sql =
        "insert into inbox.inbox_sla_policies (name, priority, first_response_minutes, resolution_minutes) values ($1, $2, 30, $3)";
      for (const [values, constraint] of [
        [["Sooner", "normal", 480], "inbox_sla_policies_priority_key"],
        [["Soon", "high", 480], "inbox_sla_policies_name_key"],
        [["Never", "high", 29], "inbox_sla_policies_minutes_check"],
      ] as const)
        expect(await refusal(client, sql, [...values])).toMatchObject({ constraint });
      await client.query("update inbox.inbox_sla_policies set is_active = false where id = $1", [id]);
      await client.query(sql, ["Sooner", "normal", 480]);
      await client.query("set local role rowhouse_member");
      expect(await refusal(client, sql, ["Mine", "low", 480])).toMatchObject({ code: "42501" });
    }));
});

test("a canned response has its shortcut to itself, until it is deleted", () =>
  as("member", async (client) => {
    const row = { shortcut: "thanks", content: "Thank you!" };
    const { id } = await insert(client, "inbox_canned_responses", row);
    const sql = "insert into inbox.inbox_canned_responses (shortcut, content) values ($1, 'Thanks')";
    expect(await refusal(client, sql, ["thanks"])).toMatchObject({ constraint: "inbox_canned_responses_shortcut_key" });
    for (const shortcut of ["Thanks", "thank you", "", "-thanks"])
      expect(await refusal(client, sql, [shortcut])).toMatchObject({
        constraint: "inbox_canned_responses_shortcut_check",
      });
    await client.query("set local role rowhouse_system");
    const set = "update inbox.inbox_canned_responses set deleted_at = $2 where id = $1";
    await client.query(set, [id, day(1)]);
    await client.query("set local role rowhouse_member");
    await insert(client, "inbox_canned_responses", row);
    await client.query("set local role rowhouse_system");
    expect(await refusal(client, set, [id, null])).toMatchObject({ constraint: "inbox_canned_responses_shortcut_key" });
  }));
