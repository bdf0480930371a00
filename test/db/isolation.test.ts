import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { type CatalogueTable, tenantTables } from "../support/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";

/** Roles that read every table. */
const READERS = ["rowhouse_admin", "rowhouse_system"];
/** Every role that touches tenant data; each stands behind the same wall, and some before a door as well. */
const ROLES = ["rowhouse_viewer", "rowhouse_member", "rowhouse_manager", ...READERS];

let database: TestDatabase;
let admin: pg.Client;
let server: pg.Client;
let tables: CatalogueTable[];
let acme: string;
let globex: string;
let acmeRows: RowIds;
let globexRows: RowIds;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  server = new pg.Client({ connectionString: database.serverUrl });
  await admin.connect();
  await server.connect();
  acme = await createTenant("Acme", "acme");
  globex = await createTenant("Globex", "globex");
  tables = await tenantTables(admin);
  acmeRows = await insertRowOfEach(admin, tables, acme);
  globexRows = await insertRowOfEach(admin, tables, globex);
});

afterAll(async () => {
  await server?.end();
  await admin?.end();
  await database?.drop();
});

describe("a tenant cannot reach another tenant's rows", () => {
  test("by select, in any table, as any role", async () => {
    for (const table of tables)
      await eachRole(async (role) => {
        const isReader = READERS.includes(role);
        const own = await attempt(`select from ${table.name} where tenant_id = $1`, [acme]);
        const foreign = await attempt(`select from ${table.name} where tenant_id <> $1`, [acme]);
        expect({ table: table.name, role, own, foreign }).toEqual({
          table: table.name,
          role,
          own: expect.stringMatching(isReader ? /^[1-9]\d* rows$/ : /^(\d+ rows|42501)$/),
          foreign: expect.stringMatching(isReader ? /^0 rows$/ : /^(0 rows|42501)$/),
        });
      });
  });

  test("by update or delete: nothing is hit, or the verb is not granted", async () => {
    for (const table of tables)
      await eachRole(async () => {
        const id = globexRows.get(table.name);
        for (const statement of [
          `update ${table.name} set ${table.columns.at(-1)!.name} = ${table.columns.at(-1)!.name} where id = $1`,
          `delete from ${table.name} where id = $1`,
        ]) {
          const outcome = await attempt(statement, [id]);
          expect({ statement, outcome }).toEqual({ statement, outcome: expect.stringMatching(/^(0 rows|42501)$/) });
        }
      });
  });

  test("by insert or upsert under the other tenant's key", async () => {
    for (const table of tables)
      await eachRole(async () => {
        const columns = table.columns.map((column) => column.name).join(", ");
        const copy = `insert into ${table.name} (${columns}) select ${columns} from jsonb_populate_record(null::${table.name}, $1)`;
        const { rows } = await admin.query(`select to_jsonb(t) as row from ${table.name} t where id = $1`, [
          globexRows.get(table.name),
        ]);
        const fresh = { ...rows[0].row, id: "01900000-0000-7000-8000-000000000000" };
        expect(await attempt(copy, [fresh])).toMatch(/^42501$/);
        expect(
          await attempt(`${copy} on conflict (tenant_id, id) do update set id = excluded.id`, [rows[0].row]),
        ).toMatch(/^42501$/);
      });
  });

  test("by a reference to the other tenant's row, even as the database's owner", async () => {
    let references = 0;
    for (const table of tables)
      for (const key of table.foreignKeys) {
        const target = globexRows.get(key.target);
        if (!target) continue;
        references++;
        await admin.query("begin");
        // Guards would answer before the key: a table that never changes, a state that cannot be.
        await admin.query(`alter table ${table.name} disable trigger user`);
        const outcome = await admin
          .query(`update ${table.name} set ${key.column} = $1 where tenant_id = $2 and id = $3`, [
            target,
            acme,
            acmeRows.get(table.name),
          ])
          .then(
            (result) => `${result.rowCount} rows`,
            (error: pg.DatabaseError) => error.code!,
          );
        await admin.query("rollback");
        // 23514: a check of the table forbids the reference as such; 23503: the composite key does.
        expect({ table: table.name, key: key.column, outcome }).toEqual({
          table: table.name,
          key: key.column,
          outcome: expect.stringMatching(/^(23503|23514)$/),
        });
      }
    console.log(`isolation: ${tables.length} tables, ${references} references, ${ROLES.length} roles`);
    expect(references).toBeGreaterThan(10);
  });
});

test("a session without a tenant gets TENANT_REQUIRED on every table, never nothing and never everything", async () => {
  for (const table of tables)
    for (const role of ROLES) {
      await server.query("begin");
      await server.query("select set_config('role', $1, true)", [role]);
      expect({ table: table.name, role, outcome: await attempt(`select from ${table.name}`, []) }).toEqual({
        table: table.name,
        role,
        outcome: expect.stringMatching(READERS.includes(role) ? /^RH001$/ : /^(RH001|42501)$/),
      });
      await server.query("rollback");
    }
});

test("a request without a token may read no table", async () => {
  for (const table of tables) {
    await server.query("begin");
    await server.query(
      "select set_config('role', 'rowhouse_anonymous', true), set_config('jwt.claims.tenant_id', $1, true)",
      [acme],
    );
    expect(await attempt(`select from ${table.name}`, [])).toBe("42501");
    await server.query("rollback");
  }
});

test("the server's login itself may read nothing", async () => {
  for (const table of tables)
    await expect(server.query(`select from ${table.name}`)).rejects.toMatchObject({ code: "42501" });
});

async function createTenant(name: string, slug: string): Promise<string> {
  const { rows } = await admin.query<{ id: string }>("select private.create_tenant($1, $2) as id", [name, slug]);
  return rows[0]!.id;
}

/** Runs the callback as each role in a session of tenant acme, and rolls back. */
async function eachRole(callback: (role: string) => Promise<void>): Promise<void> {
  for (const role of ROLES) {
    await server.query("begin");
    await server.query("select set_config('role', $1, true), set_config('jwt.claims.tenant_id', $2, true)", [
      role,
      acme,
    ]);
    await callback(role);
    await server.query("rollback");
  }
}

/** What a statement did: how many rows it hit, or the code of its error; the transaction goes on. */
async function attempt(statement: string, values: unknown[]): Promise<string> {
  await server.query("savepoint attempt");
  try {
    const result = await server.query(statement, values);
    await server.query("release savepoint attempt");
    return `${result.rowCount} rows`;
  } catch (error) {
    await server.query("rollback to savepoint attempt");
    return (error as pg.DatabaseError).code ?? String(error);
  }
}
