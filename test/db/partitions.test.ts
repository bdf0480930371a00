import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { keepPartitions } from "../../lib/keep-partitions.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { until } from "../support/until.ts";

const TABLES = ["audit.audit_logs", "events.events", "tracking.analytics_events"];
const EVENTS = "tracking.analytics_events";

let database: TestDatabase;
let tenantId: string;
let otherId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await createTenant(database, "acme")).tenantId!;
  otherId = (await createTenant(database, "globex")).tenantId!;
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a superuser in the tenant, and rolls back: the months, too. */
async function rolledBack(work: (client: PoolClient) => Promise<void>): Promise<void> {
  const client = await database.admin.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
    await work(client);
  } finally {
    await client.query("rollback");
    client.release();
  }
}

const ask = async <T>(client: PoolClient, sql: string, values: unknown[] = []): Promise<T> =>
  (await client.query<{ value: T }>(sql, values)).rows[0]!.value;

/** Keeps the months of a table as the worker would at another time; the present one unless told. */
const keep = (client: PoolClient, table = EVENTS, at = "now()") =>
  ask<string[]>(client, `select private.keep_partitions($1, ${at}) as value`, [table]);

/** An event of a tenant whose id says that it is of this time. */
const insertEvent = async (client: PoolClient, at: string, tenant = tenantId) =>
  ask<string>(
    client,
    `insert into ${EVENTS} (tenant_id, id, event_type, entity_type, entity_id, channel)
     select $1, (left(app.uuid_at(${at})::text, 14) || right(uuidv7()::text, 22))::uuid, 'message.sent', 'message', uuidv7(), 'email'
     returning id as value`,
    [tenant],
  );

const partitionOf = (client: PoolClient, id: string) =>
  ask<string>(client, `select string_agg(tableoid::regclass::text, ' and ') as value from ${EVENTS} where id = $1`, [
    id,
  ]);

const monthName = (client: PoolClient, at: string, table = EVENTS) =>
  ask<string>(client, `select $1 || to_char((${at}) at time zone 'UTC', '"_y"YYYY"m"MM') as value`, [table]);

const partitions = async (client: PoolClient, table: string) =>
  ask<string[]>(
    client,
    "select array_agg(inhrelid::regclass::text order by 1) as value from pg_inherits where inhparent = $1::regclass",
    [table],
  );

const dropThisMonth = async (client: PoolClient) =>
  client.query(`drop table if exists ${await monthName(client, "now()")}`);

describe("a table that is cut into months", () => {
  test.each(TABLES)("has this month, the three to come and one for all others: %s", (table) =>
    rolledBack(async (client) => {
      const expected = [`${table}_default`];
      for (const n of [0, 1, 2, 3]) {
        expected.push(await monthName(client, `date_trunc('month', now(), 'UTC') + interval '${n} months'`, table));
      }
      expect(await partitions(client, table)).toEqual(expected.sort());
    }),
  );

  test("is kept by a call that changes nothing when there is nothing to do", () =>
    rolledBack(async (client) => {
      for (const table of TABLES) expect(await keep(client, table)).toEqual([]);
    }));

  test("is read month by month when ids are compared with times", () =>
    rolledBack(async (client) => {
      const { rows } = await client.query(
        `explain (costs off) select from ${EVENTS} where tenant_id = $1 and id >= app.uuid_at(date_trunc('month', now(), 'UTC'))
         and id < app.uuid_at(date_trunc('month', now(), 'UTC') + interval '1 month')`,
        [tenantId],
      );
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect([...plan.matchAll(/ on (\w+)/g)].map((match) => `tracking.${match[1]}`)).toEqual([
        await monthName(client, "now()"),
      ]);
    }));

  test("has ids that are not below their own millisecond", () =>
    rolledBack(async (client) => {
      const isBelow = `select bool_or(uuidv7() < app.uuid_at(at)) as value
        from generate_series(1, 5000) n, lateral (select clock_timestamp() + n * interval '0' as at) t`;
      expect(await ask(client, isBelow)).toBe(false);
    }));

  test("keeps its months to itself: no role of the API reads them, and their owner sees the tenant's rows only", async () => {
    await rolledBack(async (client) => {
      await insertEvent(client, "now()", otherId);
      const mine = await insertEvent(client, "now()");
      const month = await monthName(client, "now()");
      await client.query("set local role rowhouse_owner");
      expect((await client.query(`select id from ${month}`)).rows).toEqual([{ id: mine }]);
    });
    for (const role of ["rowhouse_admin", "rowhouse_system"]) {
      for (const table of TABLES) {
        await asTenant(database, { tenantId, role }, async (client) => {
          await expect(client.query(`select from ${table}_default`)).rejects.toMatchObject({ code: "42501" });
        });
      }
    }
  });

  test("is kept by the worker, and by no request", async () => {
    expect(await keepPartitions(database.worker)).toEqual({ done: [], failed: [] });
    for (const role of ["rowhouse_admin", "rowhouse_system"])
      await asTenant(database, { tenantId, role }, async (client) => {
        await expect(keep(client)).rejects.toMatchObject({ code: "42501" });
      });
  });

  test("forgets the rows of a tenant that is deleted, and no others", () =>
    rolledBack(async (client) => {
      const gone = await ask<string>(client, "select private.create_tenant('Gone', 'gone') as value");
      await insertEvent(client, "now()", gone);
      const waiting = await insertEvent(client, "now() + interval '1 year'", gone);
      const kept = await insertEvent(client, "now()");
      await client.query("delete from iam.actors where tenant_id = $1", [gone]);
      await client.query("delete from iam.tenants where id = $1", [gone]);
      const { rows } = await client.query(`select id from ${EVENTS} where tenant_id = $1 or id = any ($2)`, [
        gone,
        [waiting, kept],
      ]);
      expect(rows).toEqual([{ id: kept }]);
      expect((await client.query("select from audit.audit_logs where tenant_id = $1", [gone])).rowCount).toBe(0);
    }));
});

describe("a row of a month that has no partition", () => {
  test("waits in the default partition, and moves when its month is made", () =>
    rolledBack(async (client) => {
      const later = "date_trunc('month', now()) + interval '1 year 10 days'";
      const ids = [await insertEvent(client, later), await insertEvent(client, later, otherId)];
      for (const id of ids) expect(await partitionOf(client, id)).toBe(`${EVENTS}_default`);
      const done = await keep(client, EVENTS, `${later} - interval '2 months'`);
      expect(done).toHaveLength(4);
      for (const id of ids) expect(await partitionOf(client, id)).toBe(await monthName(client, later));
      // What is counted as events come in is not counted anew as they move.
      const counted = `select sum(event_count)::integer as value from tracking.daily_message_summary where tenant_id = $1`;
      expect(await ask(client, counted, [tenantId])).toBe(1);
    }));

  test("moves even when the month is over by then", () =>
    rolledBack(async (client) => {
      const earlier = "now() - interval '5 months'";
      const id = await insertEvent(client, earlier);
      expect(await keep(client)).toHaveLength(1);
      expect(await partitionOf(client, id)).toBe(await monthName(client, earlier));
    }));

  test("is deleted when it is of a month beyond the retention", () =>
    rolledBack(async (client) => {
      const old = await insertEvent(client, "now() - interval '3 years'");
      const future = await insertEvent(client, "now() + interval '3 years'");
      expect(await keep(client)).toEqual([expect.stringMatching(/^deleted 1 rows from before /)]);
      expect(await partitionOf(client, old)).toBeNull();
      expect(await partitionOf(client, future)).toBe(`${EVENTS}_default`);
    }));
});

describe("a month beyond the retention", () => {
  test.each([
    ["audit.audit_logs", "2 years"],
    [EVENTS, "2 years"],
    ["events.events", "90 days"],
  ])("is dropped, once all of it is: %s after %s", (table, retention) =>
    rolledBack(async (client) => {
      const first = await monthName(client, "now()", table);
      const lastDay = `(date_trunc('month', now(), 'UTC') + interval '1 month' - interval '1 second' + interval '${retention}')`;
      await keep(client, table, lastDay);
      expect(await partitions(client, table)).toContain(first);
      const done = await keep(client, table, `${lastDay} + interval '2 seconds'`);
      expect(done).toContainEqual(expect.stringMatching(/^dropped \d{4}-\d\d of /));
      expect(await partitions(client, table)).not.toContain(first);
    }),
  );
});

describe("while others work", () => {
  /** Sessions of their own; whatever they did is undone at the end. */
  async function withSessions(work: (sessions: PoolClient[]) => Promise<void>): Promise<void> {
    const sessions = await Promise.all([1, 2, 3].map(() => database.admin.connect()));
    try {
      for (const session of sessions)
        await session.query("select set_config('jwt.claims.tenant_id', $1, false)", [tenantId]);
      await work(sessions);
    } finally {
      for (const session of sessions) {
        await session.query("rollback");
        session.release(true);
      }
      await keepPartitions(database.admin);
    }
  }
  const isWaiting = async (what: string) =>
    (
      await database.admin.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ~ $1",
        [what],
      )
    ).rowCount! > 0;

  test("rows that arrive while their month is made are neither lost nor refused nor doubled", () =>
    withSessions(async ([before, keeper, meanwhile]) => {
      await dropThisMonth(before!);
      await before!.query("begin");
      const first = await insertEvent(before!, "now()");
      // On a slow machine it may give up waiting; then it is called again, as the worker would.
      const kept = until("the month is made", async () => (await keepPartitions(keeper!)).failed.length === 0);
      await until("the month waits for the first row", () => isWaiting("keep_partitions"));
      let isThere = false;
      const second = insertEvent(meanwhile!, "now()").finally(() => (isThere = true));
      await until("the second row waits for the month", async () => isThere || (await isWaiting("^insert into")));
      await before!.query("commit");
      await kept;
      const month = await monthName(before!, "now()");
      for (const id of [first, await second]) expect(await partitionOf(before!, id)).toBe(month);
    }));

  test("nothing is waited for long: the table is left as it is, the others are kept, and the next call makes up for it", () =>
    withSessions(async ([busy, other]) => {
      await dropThisMonth(busy!);
      await other!.query(`drop table ${await monthName(other!, "now()", "events.events")}`);
      await busy!.query("begin");
      await insertEvent(busy!, "now()");
      const { done, failed } = await keepPartitions(other!);
      expect(done).toEqual([expect.stringMatching(/^made .* of events\.events$/)]);
      expect(failed).toEqual([{ table: EVENTS, error: expect.objectContaining({ code: "55P03" }) }]);
      await busy!.query("commit");
      expect(await keepPartitions(other!)).toEqual({ done: [expect.stringMatching(/^made /)], failed: [] });
    }));

  test("of several calls at once one does the work, and none fails", () =>
    withSessions(async (sessions) => {
      await dropThisMonth(sessions[0]!);
      const all = await Promise.all(sessions.map((session) => keepPartitions(session)));
      expect(all.flatMap(({ failed }) => failed)).toEqual([]);
      expect(all.flatMap(({ done }) => done)).toHaveLength(1);
    }));

  test("a table that is not cut into months is refused by name", () =>
    rolledBack(async (client) => {
      await expect(keep(client, "lists.lists")).rejects.toMatchObject({ code: "RH002", message: /lists\.lists/ });
    }));
});
