import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import {
  importSequentially,
  randomRows,
  seededRandom,
  type ModelEntry,
  type ModelFields,
  type ModelPolicy,
} from "../support/import-model.ts";
import { createTenant, insertEntries, inTenant } from "../support/jobs.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let tenantId: string;
let listId: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const startList = async () => ({ tenantId, listId } = await createTenant(database));
const system = <T>(work: Parameters<typeof asTenant<T>>[2]) => asTenant(database, { tenantId }, work, { commit: true });

/** Changes rows by hand. */
const change = (sql: string, values: unknown[]) => inTenant(database, tenantId, (client) => client.query(sql, values));

/** Makes an import whose rows are staged and wait for the merge; returns its id. */
async function stage(rows: readonly Partial<ModelFields>[], policy: ModelPolicy, isDryRun = false): Promise<string> {
  const made = await database.admin.query<{ id: string }>(
    `insert into lists.list_imports (tenant_id, list_id, duplicate_policy, is_dry_run, status, accepted_count)
     values ($1, $2, $3, $4, 'queued', $5) returning id`,
    [tenantId, listId, policy, isDryRun, rows.length],
  );
  const id = made.rows[0]!.id;
  await system(async (client) => {
    const staging = await client.query<{ name: string }>("select lists.create_import_staging($1) as name", [id]);
    await client.query(
      `insert into ${staging.rows[0]!.name} (line_number, data, email, phone, phone_e164, full_name, city)
       select line_number, '{}', email, phone, phone_e164, full_name, city from json_to_recordset($1)
         r (line_number bigint, email text, phone text, phone_e164 text, full_name text, city text)`,
      [JSON.stringify(rows.map((row, i) => ({ line_number: i + 2, ...row })))],
    );
  });
  return id;
}

const counts = `status, inserted_count::int, filled_count::int, overwritten_count::int, skipped_count::int`;

async function merge(id: string): Promise<Record<string, unknown>> {
  const { rows } = await system((client) => client.query(`select ${counts} from lists.merge_import($1)`, [id]));
  return rows[0];
}

async function bring(rows: readonly Partial<ModelFields>[], policy: ModelPolicy): Promise<string> {
  const id = await stage(rows, policy);
  await merge(id);
  return id;
}

async function undo(id: string): Promise<void> {
  const member = { tenantId, role: "rowhouse_member" };
  await asTenant(database, member, (client) => client.query("select lists.undo_import($1)", [id]), { commit: true });
  await system((client) => client.query("select lists.revert_import($1)", [id]));
}

const fields = "email, phone, phone_e164, full_name, city";

/** The living entries by the import and line that brought them. */
async function entries(): Promise<ModelEntry[]> {
  const { rows } = await database.admin.query<ModelEntry>(
    `select coalesce(list_import_id || ':' || line_number, 'by hand') as born, ${fields} from lists.list_entries
     where list_id = $1 and deleted_at is null order by created_at, line_number, id`,
    [listId],
  );
  return rows;
}

/** The outcome of each line, those included that became entries. */
async function outcomes(id: string): Promise<Record<string, string>> {
  const { rows } = await database.admin.query<{ outcomes: Record<string, string> }>(
    `select coalesce(jsonb_object_agg(line_number, outcome), '{}') as outcomes from (
       select line_number, outcome::text from lists.list_import_rows where list_import_id = $1
       union all select line_number, 'inserted' from lists.list_entries where list_import_id = $1) r`,
    [id],
  );
  return rows[0]!.outcomes;
}

const entryCount = async () =>
  Number(
    (await database.admin.query("select entry_count from lists.lists where id = $1", [listId])).rows[0].entry_count,
  );

const tally = (of: Record<string, string>, name: string) => Object.values(of).filter((each) => each === name).length;

/** Everything of a list that a dry run must not change and an undo must bring back. */
const state = async () => ({ entries: await entries(), entryCount: await entryCount() });

test.each(["skip", "fill", "overwrite", "keep"] as const)(
  "files merged by the policy %s end as if their rows came in one at a time, their dry runs tell so before, and undoing them brings the list back",
  async (policy) => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = seededRandom(seed);
      await startList();
      const model: ModelEntry[] = [];
      const imports: { id: string; before: unknown }[] = [];
      for (let file = 0; file < 3; file++) {
        const rows = randomRows(random, 2 + Math.floor(random() * 12));
        const before = await state();
        const dry = await merge(await stage(rows, policy, true));
        expect(await state()).toEqual(before);

        const id = await stage(rows, policy);
        imports.push({ id, before });
        const merged = await merge(id);
        const expected = importSequentially(model, id, rows, policy);
        const shown = { seed, file, rows };
        expect({ ...shown, outcomes: await outcomes(id) }).toEqual({ ...shown, outcomes: expected });
        expect({ ...shown, entries: await entries() }).toEqual({ ...shown, entries: model });
        expect(merged).toEqual({
          status: "completed",
          inserted_count: tally(expected, "inserted"),
          filled_count: tally(expected, "filled"),
          overwritten_count: tally(expected, "overwritten"),
          skipped_count: tally(expected, "skipped"),
        });
        expect(dry).toEqual(merged);
        expect(await entryCount()).toBe(model.length);
      }
      for (const { id, before } of imports.reverse()) {
        await undo(id);
        expect(await state()).toEqual(before);
      }
    }
  },
);

test("a dry run tells of each duplicate what would become of it", async () => {
  await startList();
  await bring([{ email: "a@example.com" }], "skip");
  const id = await stage(
    [{ email: "a@example.com", city: "Rome" }, { email: "b@example.com" }, { email: "b@example.com", city: "Oslo" }],
    "fill",
    true,
  );
  await merge(id);
  const { rows } = await database.admin.query(
    `select line_number::int, outcome, reason, list_entry_id is not null as "hasEntry" from lists.list_import_rows
     where list_import_id = $1 order by line_number`,
    [id],
  );
  expect(rows).toEqual([
    { line_number: 2, outcome: "filled", reason: "The list has an entry with this e-mail or phone.", hasEntry: true },
    { line_number: 4, outcome: "filled", reason: "Line 3 of the file has the same e-mail or phone.", hasEntry: false },
  ]);
});

test("a row belongs to the oldest entry of the list that has one of its keys, also when one import brought them all", async () => {
  await startList();
  // The first two are settled after the third, because they share a key with other rows.
  await bring(
    [
      { email: "old@example.com", full_name: "Old" },
      { email: "old@example.com" },
      { phone: "x", phone_e164: "+12022243441", full_name: "Young" },
    ],
    "skip",
  );
  await bring([{ email: "old@example.com", phone: "x", phone_e164: "+12022243441", city: "Rome" }], "fill");
  expect(await entries()).toMatchObject([
    { full_name: "Old", city: "Rome" },
    { full_name: "Young", city: null },
  ]);
});

test("a long chain of rows that share keys loses no row", async () => {
  await startList();
  const rows = Array.from({ length: 400 }, (_, i) => ({
    email: `${Math.floor(i / 2)}@example.com`,
    phone: "x",
    phone_e164: `+1202224${1000 + Math.floor((i + 1) / 2)}`,
  }));
  const id = await stage(rows, "skip");
  const merged = await merge(id);
  expect(Number(merged["inserted_count"]) + Number(merged["skipped_count"])).toBe(400);
  expect(Object.keys(await outcomes(id))).toHaveLength(400);
});

test("undo leaves alone what somebody changed since, and takes back the rest", async () => {
  await startList();
  await insertEntries(database, tenantId, listId, [{ email: "a@example.com", full_name: "Ann", city: "Rome" }]);
  const id = await bring(
    [{ email: "a@example.com", full_name: "Anna", city: "Oslo" }, { email: "b@example.com" }],
    "overwrite",
  );
  await change("update lists.list_entries set city = 'Turin' where list_id = $1 and city = 'Oslo'", [listId]);
  await undo(id);
  expect(await entries()).toMatchObject([{ email: "a@example.com", full_name: "Ann", city: "Turin" }]);
  expect(await entryCount()).toBe(1);
});

test("what an undone import brought can be restored, and its keys count no more until then", async () => {
  await startList();
  const id = await bring([{ email: "a@example.com" }], "skip");
  await undo(id);
  const again = await bring([{ email: "a@example.com" }], "skip");
  expect(await outcomes(again)).toEqual({ 2: "inserted" });
  await change("update lists.list_entries set deleted_at = null where list_import_id = $1", [id]);
  expect(await entryCount()).toBe(2);
});

test("entries of other lists and deleted ones are no duplicates", async () => {
  await startList();
  const other = listId;
  await bring([{ email: "a@example.com" }], "skip");
  const { rows } = await database.admin.query<{ id: string }>(
    "insert into lists.lists (tenant_id, name) values ($1, 'Second') returning id",
    [tenantId],
  );
  listId = rows[0]!.id;
  expect(await outcomes(await bring([{ email: "a@example.com" }], "skip"))).toEqual({ 2: "inserted" });
  await change("update lists.list_entries set deleted_at = now() where list_id = $1", [listId]);
  expect(await outcomes(await bring([{ email: "a@example.com" }], "skip"))).toEqual({ 2: "inserted" });
  listId = other;
  expect(await entries()).toHaveLength(1);
});

test("two imports into one list follow one another, so that no row comes in twice", async () => {
  await startList();
  const rows = [{ email: "a@example.com" }, { email: "b@example.com" }];
  const first = await stage(rows, "skip");
  const second = await stage(rows, "skip");
  let merging: Promise<Record<string, unknown>> | undefined;
  await system(async (client) => {
    await client.query("select lists.merge_import($1)", [first]);
    merging = merge(second);
    await until("the second merge waits for the first", async () => {
      const waiting = await database.admin.query("select from pg_locks where locktype = 'advisory' and not granted");
      return waiting.rowCount === 1;
    });
  });
  expect(await merging).toMatchObject({ inserted_count: 0, skipped_count: 2 });
  expect(await entryCount()).toBe(2);
});

test("a merge that is asked for twice happens once", async () => {
  await startList();
  const id = await bring([{ email: "a@example.com" }], "keep");
  expect(await merge(id)).toMatchObject({ status: "completed", inserted_count: 1 });
  expect(await entryCount()).toBe(1);
});
