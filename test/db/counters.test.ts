import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { compareCounter, findCounters, type Counter } from "../../db/commands/compare-counters.ts";
import { counters } from "../../db/commands/counters.ts";
import type { OpenDatabase } from "../../db/commands/open-database.ts";
import { tenantTables } from "../support/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant, inTenant, insertEntries } from "../support/jobs.ts";
import { insertRowOfEach } from "../support/rows.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let known: Counter[];
let tenantId: string;
let listId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const session = new pg.Client({ connectionString: database.adminUrl });
  await session.connect();
  const tables = await tenantTables(session);
  for (const slug of ["acme", "globex"]) {
    const made = await session.query<{ id: string }>("select private.create_tenant($1, $1) as id", [slug]);
    await insertRowOfEach(session, tables, made.rows[0]!.id);
  }
  known = await findCounters(session);
  await session.end();
});

beforeEach(async () => {
  ({ tenantId, listId } = await createTenant(database));
  await insertEntries(
    database,
    tenantId,
    listId,
    [1, 2, 3].map((n) => ({ full_name: `Person ${n}` })),
  );
});

afterAll(async () => {
  await database?.drop();
});

/** Runs the command as `npm run db:counters` does. */
async function run(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const open = { urls: { admin: database.adminUrl } } as unknown as OpenDatabase;
  const code = await counters.run({ database: open, args, print: (line) => void lines.push(line) });
  return { code, lines };
}

/** Changes rows as nobody may: past every trigger. */
const tamper = (sql: string, values: unknown[] = []) =>
  inTenant(database, tenantId, async (client) => {
    await client.query("set local session_replication_role = replica");
    await client.query(sql, values);
  });

test("with a row in every table, every counter is right", async () => {
  const { code, lines } = await run();
  expect(lines).toEqual([expect.stringMatching(/^\d+ counters of \d+ tenants are right\.$/)]);
  expect(code).toBe(0);
  console.log(`counters: ${known.map(({ table, columns }) => `${table} (${columns.join(", ")})`).join("; ")}`);
});

test("a counter that is wrong is named with its row, what is stored and what is actual; --fix mends it", async () => {
  await tamper("update lists.lists set entry_count = 7 where id = $1", [listId]);
  const { code, lines } = await run();
  expect(code).toBe(1);
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`^lists.lists.entry_count of tenant t-\\S+: id ${listId}: stored 7, actual 3$`)),
    expect.stringMatching(/^1 differences\. .*--fix$/),
  ]);
  expect(await run("--fix")).toEqual({ code: 0, lines: [lines[0], "1 differences, all mended."] });
  expect((await run()).code).toBe(0);
});

test("totals are mended however their rows are spread, and made where they are missing", async () => {
  await tamper("update lists.list_entry_totals set entry_count = 40 where list_id = $1", [listId]);
  await tamper("insert into lists.list_entry_totals (list_id, slot, entry_count, email_count) values ($1, 5, 2, 1)", [
    listId,
  ]);
  const { lines } = await run("--fix");
  expect(lines).toEqual([
    expect.stringMatching(/entry_count .*: list_id .*: stored 42, actual 3$/),
    expect.stringMatching(/email_count .*: list_id .*: stored 1, actual 0$/),
    "2 differences, all mended.",
  ]);
  await tamper("delete from lists.list_entry_totals where list_id = $1", [listId]);
  expect((await run("--fix")).lines).toContainEqual(expect.stringMatching(/entry_count .*: stored 0, actual 3$/));
  expect((await run()).code).toBe(0);
});

test("every counter can be broken, is found, and is mended", async () => {
  const admin = await database.admin.connect();
  try {
    await admin.query("begin");
    await admin.query("select set_config('jwt.claims.tenant_id', $1, true)", [
      (await admin.query<{ id: string }>("select id from iam.tenants where slug = 'acme'")).rows[0]!.id,
    ]);
    await admin.query("set local session_replication_role = replica");
    for (const counter of known) {
      const set = counter.columns.map((column) => `${column} = ${column} + 1000`).join(", ");
      await admin.query(`update ${counter.table} set ${set} where tenant_id = app.tenant_id()`);
      const found = await compareCounter(admin, counter);
      expect({ counter: counter.view, columns: [...new Set(found.map(({ column }) => column))].sort() }).toEqual({
        counter: counter.view,
        columns: [...counter.columns].sort(),
      });
    }
    await admin.query("commit");
  } finally {
    admin.release();
  }
  expect((await run("--fix")).code).toBe(0);
  expect((await run()).code).toBe(0);
});

test("who counts while a counter is mended loses nothing", async () => {
  await tamper("update lists.lists set entry_count = 7 where id = $1", [listId]);
  const client = await database.admin.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
    await client.query("insert into lists.list_entries (list_id) values ($1)", [listId]);
    const mending = run("--fix");
    await until("the command waits for who counts", async () => {
      const waits = await database.admin.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return waits.rowCount! > 0;
    });
    await client.query("commit");
    await mending;
  } finally {
    client.release();
  }
  expect(await run()).toMatchObject({ code: 0 });
});

test("an unknown option is refused", async () => {
  expect(await run("--mend")).toMatchObject({ code: 64 });
});

describe("a roll-up", () => {
  test("is added to by two transactions at once, of which none waits", async () => {
    const update = "update lists.list_entries set email_status = 'valid' where id = $1";
    const { rows } = await database.admin.query<{ id: string }>(
      "select id from lists.list_entries where list_id = $1 order by id",
      [listId],
    );
    const first = await database.admin.connect();
    try {
      await first.query("begin");
      await first.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
      await first.query(update, [rows[0]!.id]);
      await inTenant(database, tenantId, async (second) => {
        await second.query("set local lock_timeout = '5s'");
        await second.query(update, [rows[1]!.id]);
      });
      await first.query("commit");
    } finally {
      first.release();
    }
    const { rows: totals } = await database.admin.query(
      "select count(*)::int as slots, sum(valid_email_count)::int as valid from lists.list_entry_totals where list_id = $1",
      [listId],
    );
    expect(totals).toEqual([{ slots: 2, valid: 2 }]);
    expect((await run()).code).toBe(0);
  });

  test("goes with the row it is about, and with the tenant", async () => {
    await inTenant(database, tenantId, (client) => client.query("delete from lists.lists where id = $1", [listId]));
    await inTenant(database, tenantId, (client) => client.query("delete from iam.tenants where id = $1", [tenantId]));
    const left = await database.admin.query("select from lists.list_entry_totals where tenant_id = $1", [tenantId]);
    expect(left.rowCount).toBe(0);
  });
});
