import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import type { ModelRow, Policy } from "../support/import-model.ts";
import { createTenant, insertEntries, inTenant } from "../support/jobs.ts";
import { stagedImports, type MergedImport, type StagedImports } from "../support/staged-imports.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let imports: StagedImports;
let tenantId: string;
let listId: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());
beforeEach(async () => {
  ({ tenantId, listId } = await createTenant(database));
  imports = stagedImports(database, tenantId);
});

const bring = async (rows: readonly Partial<ModelRow>[], policy: Policy = "skip") =>
  imports.merge(await imports.stage(listId, policy, rows));

/** Changes rows by hand. */
const change = (sql: string, values: unknown[] = [listId]) =>
  inTenant(database, tenantId, (client) => client.query(sql, values));

/** The living entries, oldest first. */
const entries = async () =>
  (
    await database.admin.query(
      `select data, email, phone, city, line_number::int as line, enrichment_status as enriched from lists.list_entries
       where list_id = $1 and deleted_at is null order by id`,
      [listId],
    )
  ).rows;

const entryCount = async () =>
  Number(
    (await database.admin.query("select entry_count from lists.lists where id = $1", [listId])).rows[0].entry_count,
  );

test("ids follow the lines, so that the oldest entry is that of the first line", async () => {
  const rows = Array.from({ length: 3000 }, (_, i) => ({ email: `e${(i * 7) % 2500}@x.org` }));
  await bring(rows);
  const lines = (await entries()).map(({ line }) => line);
  expect(lines).toHaveLength(2500);
  expect(lines).toEqual([...lines].sort((a, b) => a - b));
});

test("a row that a key of the list was given to within the file is met by that key, too", async () => {
  await bring([{ email: "a@x.org" }]);
  await bring(
    [
      { email: "a@x.org", phone: "1", phone_e164: "+1" + "2025550100" },
      { phone: "1", phone_e164: "+12025550100", city: "Rome" },
    ],
    "fill",
  );
  expect(await entries()).toMatchObject([{ email: "a@x.org", phone: "1", city: "Rome" }]);
});

test("an overwritten key is free again", async () => {
  await bring([{ email: "a@x.org", phone_e164: "+12025550100", phone: "1" }]);
  await bring([{ email: "b@x.org", phone_e164: "+12025550100", phone: "1" }, { email: "a@x.org" }], "overwrite");
  expect((await entries()).map(({ email }) => email)).toEqual(["b@x.org", "a@x.org"]);
});

test("columns that are not mapped are filled and overwritten like the others, and nothing of them is lost", async () => {
  await bring([{ email: "a@x.org", data: { colour: "red", note: "" } }]);
  await bring([{ email: "a@x.org", data: { colour: "blue", note: "hello", size: 3 } }], "fill");
  expect((await entries())[0].data).toEqual({ colour: "red", note: "hello", size: 3 });
  await bring([{ email: "a@x.org", data: { colour: "green" } }], "overwrite");
  expect((await entries())[0].data).toEqual({ colour: "green", note: "hello", size: 3 });
});

test("an entry is to be enriched again only when a field of it changed", async () => {
  await bring([{ email: "a@x.org" }, { email: "b@x.org" }]);
  await change("update lists.list_entries set enrichment_status = 'enriched' where list_id = $1");
  await bring(
    [
      { email: "a@x.org", city: "Rome" },
      { email: "b@x.org", data: { colour: "red" } },
    ],
    "fill",
  );
  expect((await entries()).map(({ enriched }) => enriched)).toEqual(["pending", "enriched"]);
});

test("a file that is one long chain of shared keys is decided to its end", async () => {
  const rows = Array.from({ length: 2000 }, (_, i) => ({
    email: `${Math.floor(i / 2)}@x.org`,
    phone: "1",
    phone_e164: `+1202555${1000 + Math.floor((i + 1) / 2)}`,
  }));
  // Line by line: new, then a duplicate of the one before, whose other key is therefore free for the next.
  expect(await bring(rows)).toMatchObject({ inserted_count: "1000", skipped_count: "1000" });
});

test("ten thousand rows with one phone number are decided at once", async () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => ({
    email: `${i}@x.org`,
    phone: "1",
    phone_e164: "+12025550100",
  }));
  expect(await bring(rows, "overwrite")).toMatchObject({ inserted_count: "1", overwritten_count: "9999" });
  expect(await entries()).toMatchObject([{ email: "9999@x.org" }]);
});

test("each outcome is told with what it is a duplicate of, in a dry run, too", async () => {
  await bring([{ email: "a@x.org" }]);
  const id = await imports.stage(
    listId,
    "fill",
    [{ email: "a@x.org", city: "Rome" }, { email: "b@x.org" }, { email: "b@x.org", city: "Oslo" }],
    true,
  );
  await imports.merge(id);
  const { rows } = await database.admin.query(
    `select line_number::int, outcome, reason, list_entry_id is not null as "hasEntry" from lists.list_import_rows
     where list_import_id = $1 order by line_number`,
    [id],
  );
  expect(rows).toEqual([
    { line_number: 2, outcome: "filled", reason: expect.stringContaining("The list has an entry"), hasEntry: true },
    { line_number: 4, outcome: "filled", reason: expect.stringContaining("Line 3 of the file"), hasEntry: false },
  ]);
});

test("undo leaves alone what somebody changed since, and takes back the rest", async () => {
  await insertEntries(database, tenantId, listId, [{ email: "a@x.org", city: "Rome", state: "RM", data: { n: 1 } }]);
  const { id } = await bring(
    [{ email: "a@x.org", city: "Oslo", state: "OS", data: { n: 2, m: 3 } }, { email: "b@x.org" }],
    "overwrite",
  );
  await change("update lists.list_entries set city = 'Turin' where list_id = $1 and city = 'Oslo'");
  expect(await imports.undo(id)).toMatchObject({ status: "undone", removed_count: "1", restored_count: "1" });
  expect(await entries()).toMatchObject([{ email: "a@x.org", city: "Turin", data: { n: 1 } }]);
  expect(await entryCount()).toBe(1);
});

test("what an undone import brought can be restored, and its keys count no more until then", async () => {
  const { id } = await bring([{ email: "a@x.org" }]);
  await imports.undo(id);
  expect(await bring([{ email: "a@x.org" }])).toMatchObject({ inserted_count: "1" });
  await change("update lists.list_entries set deleted_at = null where list_import_id = $1", [id]);
  expect(await entryCount()).toBe(2);
});

test("entries of other lists are no duplicates", async () => {
  await bring([{ email: "a@x.org" }]);
  const made = await database.admin.query(
    "insert into lists.lists (tenant_id, name) values ($1, 'Second') returning id",
    [tenantId],
  );
  listId = made.rows[0].id;
  expect(await bring([{ email: "a@x.org" }])).toMatchObject({ inserted_count: "1" });
});

test("two imports into one list follow one another, so that no row comes in twice", async () => {
  const rows = [{ email: "a@x.org" }, { email: "b@x.org" }];
  const first = await imports.stage(listId, "skip", rows);
  const second = await imports.stage(listId, "skip", rows);
  let merging: Promise<MergedImport> | undefined;
  await imports.inTenant(async (client) => {
    await client.query("select lists.merge_import($1)", [first]);
    merging = imports.merge(second);
    await until("the second merge waits for the first", async () => {
      const waiting = await database.admin.query("select from pg_locks where locktype = 'advisory' and not granted");
      return waiting.rowCount === 1;
    });
  });
  expect(await merging).toMatchObject({ inserted_count: "0", skipped_count: "2" });
  expect(await entryCount()).toBe(2);
});

test("a merge that is asked for twice happens once, and leaves no table behind", async () => {
  const { id } = await bring([{ email: "a@x.org" }, { email: "a@x.org" }], "fill");
  expect(await imports.merge(id)).toMatchObject({ status: "completed", inserted_count: "1" });
  expect(await entryCount()).toBe(1);
  const { rowCount } = await database.admin.query("select from pg_class where relnamespace = 'staging'::regnamespace");
  expect(rowCount).toBe(0);
});

test("an import of another tenant can be neither staged nor merged", async () => {
  const id = await imports.stage(listId, "skip", [{ email: "a@x.org" }]);
  const other = stagedImports(database, (await createTenant(database)).tenantId);
  const call = (name: string) => other.inTenant((client) => client.query(`select lists.${name}($1)`, [id]));
  await expect(call("create_import_staging")).rejects.toMatchObject({ code: "RH002" });
  await expect(call("drop_import_staging")).rejects.toMatchObject({ code: "RH002" });
  expect((await other.merge(id)).id).toBeNull();
  expect(await imports.merge(id)).toMatchObject({ status: "completed", inserted_count: "1" });
});
