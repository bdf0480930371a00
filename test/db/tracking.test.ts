import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let tenantId: string;
let otherId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await createTenant(database, "acme")).tenantId!;
  otherId = (await createTenant(database, "globex")).tenantId!;
  await database.admin.query("update iam.tenants set time_zone = 'America/New_York' where id = $1", [tenantId]);
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back unless told to commit. */
const as = <T>(role: string, work: (client: PoolClient) => Promise<T>, options?: { commit: boolean }) =>
  asTenant(database, { tenantId, role: `rowhouse_${role}` }, work, options);
const commit = { commit: true };

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `tracking.${table}`, row);

const messageOf = (client: PoolClient) =>
  insertInto(client, "outreach.messages", { channel: "email", recipient_address: "anna@example.com" });

describe("an address of ours in a message", () => {
  test("cannot be guessed: no two are alike, and each is long", () =>
    as("system", async (client) => {
      await client.query(
        `with m as (
           insert into outreach.messages (channel, recipient_address)
           select 'email', 'anna@example.com' from generate_series(1, 1000) returning id
         ), p as (insert into tracking.tracking_pixels (message_id) select id from m)
         insert into tracking.tracked_links (message_id, target_url) select id, 'https://example.com/' from m`,
      );
      const { rows } = await client.query(
        `select count(*)::int, count(distinct token)::int as distinct, min(length(token)) as shortest
         from (select token from tracking.tracking_pixels union all select token from tracking.tracked_links) t`,
      );
      expect(rows).toEqual([{ count: 2000, distinct: 2000, shortest: 64 }]);
    }));

  test("leads to one tenant, whichever asks", () =>
    as("system", async (client) => {
      const first = await messageOf(client);
      const pixel = await insert(client, "tracking_pixels", { message_id: first.id });
      const row = { message_id: first.id, target_url: "https://example.com/" };
      const link = await insert(client, "tracked_links", row);
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [otherId]);
      const second = await messageOf(client);
      for (const [sql, token, constraint] of [
        ["tracking_pixels (message_id, token) values ($1, $2)", pixel.token, "tracking_pixels_token_key"],
        [
          "tracked_links (message_id, token, target_url) values ($1, $2, 'http://a')",
          link.token,
          "tracked_links_token_key",
        ],
      ])
        expect(await refusal(client, `insert into tracking.${sql}`, [second.id, token])).toMatchObject({ constraint });
    }));

  test.each(["short", "A".repeat(64), "g".repeat(64), "a".repeat(63), "a".repeat(65)])("is never %s", (token) =>
    as("system", async (client) => {
      const { id } = await messageOf(client);
      const sql = "insert into tracking.tracking_pixels (message_id, token) values ($1, $2)";
      expect(await refusal(client, sql, [id, token])).toMatchObject({ constraint: "tracking_pixels_token_check" });
    }),
  );

  test("is there once for each picture and each place of a link, and goes with its message", () =>
    as("system", async (client) => {
      const { id } = await messageOf(client);
      await insert(client, "tracking_pixels", { message_id: id });
      await insert(client, "tracked_links", { message_id: id, target_url: "https://example.com/" });
      await insert(client, "tracked_links", { message_id: id, target_url: "https://example.com/", position: 2 });
      for (const [sql, constraint] of [
        ["tracking_pixels (message_id) values ($1)", "tracking_pixels_message_id_key"],
        ["tracked_links (message_id, target_url) values ($1, 'http://a')", "tracked_links_message_id_position_key"],
        [
          "tracked_links (message_id, position, target_url) values ($1, 3, 'javascript:x')",
          "tracked_links_target_url_check",
        ],
      ] as const)
        expect(await refusal(client, `insert into tracking.${sql}`, [id])).toMatchObject({ constraint });
      await client.query("delete from outreach.messages where id = $1", [id]);
      for (const table of ["tracking_pixels", "tracked_links"])
        expect((await client.query(`select from tracking.${table} where message_id = $1`, [id])).rowCount).toBe(0);
    }));
});

describe("the daily figures of messages", () => {
  const event = (client: PoolClient, occurred_at: string, row: Record<string, unknown> = {}) =>
    insert(client, "analytics_events", {
      event_type: "message.sent",
      entity_type: "message",
      entity_id: tenantId,
      channel: "email",
      occurred_at,
      ...row,
    });
  const figures = async (client: PoolClient) =>
    (
      await client.query(
        `select date::text, channel, event_type as type, event_count::int as count from tracking.daily_message_summary
         order by date, channel, event_type`,
      )
    ).rows;
  const sent = { channel: "email", type: "message.sent" };

  test("begin a day at midnight where the tenant is, in winter and in summer", () =>
    as("system", async (client) => {
      for (const at of ["2026-01-15T04:59:59.999Z", "2026-01-15T05:00:00Z", "2026-01-16T04:59:59Z"])
        await event(client, at);
      for (const at of ["2026-07-15T03:59:59.999Z", "2026-07-15T04:00:00Z"]) await event(client, at);
      expect(await figures(client)).toEqual([
        { date: "2026-01-14", ...sent, count: 1 },
        { date: "2026-01-15", ...sent, count: 2 },
        { date: "2026-07-14", ...sent, count: 1 },
        { date: "2026-07-15", ...sent, count: 1 },
      ]);
    }));

  test("count a day of twenty-five hours as one day", () =>
    as("system", async (client) => {
      await client.query(
        `insert into tracking.analytics_events (event_type, entity_type, entity_id, channel, occurred_at)
         select 'message.sent', 'message', uuidv7(), 'email', h
         from generate_series(timestamptz '2026-10-31 04:30Z', '2026-11-03 04:30Z', interval '1 hour') h`,
      );
      expect((await figures(client)).map(({ date, count }) => [date, count])).toEqual([
        ["2026-10-31", 24],
        ["2026-11-01", 25],
        ["2026-11-02", 24],
      ]);
    }));

  test("tell channels and kinds apart, and leave out what is not about messages", () =>
    as("system", async (client) => {
      const at = "2026-01-15T12:00:00Z";
      await event(client, at);
      await event(client, at, { channel: "sms" });
      await event(client, at, { event_type: "message.opened" });
      await event(client, at, { channel: null });
      await event(client, at, { entity_type: "contact" });
      const date = "2026-01-15";
      expect(await figures(client)).toEqual([
        { date, channel: "email", type: "message.opened", count: 1 },
        { date, ...sent, count: 1 },
        { date, channel: "sms", type: "message.sent", count: 1 },
      ]);
    }));

  test("of thousands of events in one statement are written once a day, channel and kind", () =>
    as("system", async (client) => {
      const sql = `insert into tracking.analytics_events (event_type, entity_type, entity_id, channel, occurred_at)
        select 'message.sent', 'message', uuidv7(), 'email', timestamptz '2026-01-15 12:00Z' + n % 2 * interval '1 day'
        from generate_series(1, 5000) n`;
      const writes = async () => {
        const { rows } = await client.query(
          `select pg_stat_get_xact_tuples_inserted(t)::int as inserted, pg_stat_get_xact_tuples_updated(t)::int as updated
           from (select 'tracking.daily_message_summary'::regclass as t) s`,
        );
        return rows[0];
      };
      const before = await writes();
      await client.query(sql);
      await client.query(sql);
      const after = await writes();
      expect([after.inserted - before.inserted, after.updated - before.updated]).toEqual([2, 2]);
      expect((await figures(client)).map(({ count }) => count)).toEqual([5000, 5000]);
    }));

  test("are added to by two at once, and lose none", async () => {
    let late: Promise<unknown>;
    const at = "2026-01-15T12:00:00Z";
    await as(
      "system",
      async (client) => {
        await event(client, at);
        late = as("system", (other) => event(other, at), commit);
        await until("the second event waits for the first", async () => {
          const waiting =
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
          return (await database.admin.query(waiting)).rowCount! > 0;
        });
      },
      commit,
    );
    await late!;
    expect(await as("viewer", figures)).toEqual([{ date: "2026-01-15", ...sent, count: 2 }]);
    await database.admin.query("delete from tracking.daily_message_summary");
  });

  test("are written by no request", () =>
    as("admin", async (client) => {
      for (const sql of [
        "update tracking.daily_message_summary set event_count = 0",
        "insert into tracking.analytics_events (event_type, entity_type, entity_id) values ('a', 'b', uuidv7())",
        "insert into tracking.tracking_pixels (message_id) values (uuidv7())",
      ])
        expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
    }));
});
