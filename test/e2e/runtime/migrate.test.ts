import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { connectAdmin, versionRefusal } from "../../../lib/admin-connection.ts";
import { withDatabase } from "../../../lib/database-urls.ts";
import { ensureRoles, migrate } from "../../../lib/migrate.ts";
import { asOwner, createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { testUrls } from "../../support/test-urls.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database?.drop());

test("the ledger can be applied twice, and by two processes at once", async () => {
  await Promise.all([migrate(database.adminUrl), migrate(database.adminUrl)]);
  const { rows } = await database.admin.query("select count(*)::int as n from graphile_migrate.migrations");
  expect(rows[0].n).toBeGreaterThanOrEqual(0);
});

test("roles are made by several processes at once without a clash, and keep their passwords", async () => {
  const urls = testUrls(database.adminUrl);
  await Promise.all(Array.from({ length: 4 }, () => ensureRoles(urls)));
  for (const pool of [database.server, database.worker]) {
    expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  }
});

test("a database that does not exist yet is made, two callers at once", async () => {
  const url = withDatabase(database.adminUrl, `${database.name}_made`);
  await Promise.all([migrate(url), migrate(url)]);
  const client = await connectAdmin(url);
  const { rows } = await client.query("select to_regnamespace('graphile_worker')::text as schema");
  expect(rows).toEqual([{ schema: "graphile_worker" }]);
  await client.end();
  await database.admin.query(`drop database ${database.name}_made with (force)`);
});

describe("who owns what", () => {
  test("the queue belongs to rowhouse_worker, which may make no schema of its own", async () => {
    const { rows } = await database.admin.query(
      `select nspowner::regrole::text as owner, has_database_privilege('rowhouse_worker', current_database(), 'create') as creates
         from pg_namespace where nspname = 'graphile_worker'`,
    );
    expect(rows).toEqual([{ owner: "rowhouse_worker", creates: false }]);
  });

  test("migrations run as rowhouse_owner", async () => {
    expect(await asOwner(database, "select current_user::text as user")).toEqual([{ user: "rowhouse_owner" }]);
    const { rows } = await database.admin.query(
      "select relowner::regrole::text as owner from pg_class where oid = 'graphile_migrate.migrations'::regclass",
    );
    expect(rows).toEqual([{ owner: "rowhouse_owner" }]);
  });

  test("a role without a grant cannot connect", async () => {
    await database.admin.query("create role stranger login password 'x'");
    const url = new URL(database.adminUrl);
    url.username = "stranger";
    url.password = "x";
    const client = new pg.Client({ connectionString: url.href });
    await expect(client.connect()).rejects.toThrow(/permission denied for database/);
    await database.admin.query("drop role stranger");
  });
});

test("a server that is not there is named in the refusal, without the password", async () => {
  const refusal = await connectAdmin("postgres://someone:hunter2@127.0.0.1:9/nowhere").catch(
    (error: Error) => error.message,
  );
  expect(refusal).toMatch(/Cannot connect to PostgreSQL at 127\.0\.0\.1:9\/nowhere: .*Check DATABASE_URL\./);
  expect(refusal).not.toContain("hunter2");
});

test("a server older than 18 is refused, with its version and what to do", () => {
  const url = "postgres://me:hunter2@db.example:5432/rows";
  expect(versionRefusal(180000, "18.0", url)).toBeUndefined();
  expect(versionRefusal(170009, "17.9", url)?.message).toMatch(
    /^The PostgreSQL at db\.example:5432\/rows is version 17\.9; Rowhouse needs 18 or newer.*unset DATABASE_URL/,
  );
});
