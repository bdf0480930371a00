import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import { readCatalogue } from "../../docs/render/catalogue.ts";
import { matrixRoles, type RoleAccess, roleMatrix } from "../../docs/render/roles.ts";
import { type CatalogueTable, tenantTables } from "../support/catalogue.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";

let database: TestDatabase;
let tenantId: string;
let tables: CatalogueTable[];
let rowIds: RowIds;
let matrix: RoleAccess[];
/** Columns of each table. */
let columns: Map<string, readonly string[]>;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await createTenant(database, "acme")).tenantId!;
  const admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  tables = await tenantTables(admin);
  rowIds = await insertRowOfEach(admin, tables, tenantId);
  await admin.end();
  const catalogue = await readCatalogue(database.admin);
  matrix = roleMatrix(catalogue);
  columns = new Map(
    catalogue.tables.map((table) => [`${table.schema}.${table.name}`, table.columns.map(({ name }) => name)]),
  );
});

afterAll(() => database?.drop());

/** How a statement ends: how many rows it reached, or its error. */
async function attempt(client: pg.PoolClient, sql: string, values: unknown[] = []): Promise<number | string> {
  await client.query("savepoint attempt");
  const outcome = await client.query(sql, values).then(
    ({ rowCount }) => rowCount ?? 0,
    (error: { code: string }) => error.code,
  );
  await client.query("rollback to savepoint attempt");
  return outcome;
}

const denied = "42501";

test("each role reads, creates and changes of each table what the matrix says, column by column", async () => {
  let statements = 0;
  for (const role of matrixRoles)
    await asTenant(database, { tenantId, role: `rowhouse_${role}` }, async (client) => {
      for (const access of matrix.filter((each) => each.role === role)) {
        const { table } = access;
        const found = { table, role, reads: await attempt(client, `select from ${table}`) };
        statements++;
        if (access.reads === undefined) expect(found).toEqual({ table, role, reads: denied });
        else expect(found).toEqual({ table, role, reads: expect.any(Number) });
        // The row is there: a role that reads all rows reads it.
        if (access.reads === "all" && rowIds.has(table)) expect(found.reads).toBeGreaterThan(0);

        for (const column of columns.get(table)!) {
          // A statement that is only explained is checked for privileges, and goes no further.
          const creates = await attempt(client, `explain insert into ${table} (${column}) values (default)`);
          const changes = await attempt(client, `explain update ${table} set ${column} = default`);
          statements += 2;
          const allowed = { creates: creates !== denied, changes: changes !== denied };
          const said = { creates: access.creates.includes(column), changes: access.changes.includes(column) };
          // A view is written by nobody, for a reason of another kind.
          if (creates === "55000" || creates === "428C9") continue;
          expect({ table, role, column, ...allowed }).toEqual({ table, role, column, ...said });
        }
      }
    });
  console.log(
    `roles: ${matrix.length / matrixRoles.length} tables and views, ${matrixRoles.length} roles, ${statements} statements`,
  );
  expect(statements).toBeGreaterThan(5000);
});

test("a change that a role may make reaches the row, behind its policies as well", async () => {
  let reached = 0;
  await asTenant(database, { tenantId, role: "rowhouse_admin" }, async (client) => {
    for (const { table, changes } of matrix.filter((each) => each.role === "admin")) {
      const id = rowIds.get(table);
      if (!id || changes.length === 0) continue;
      const outcome = await attempt(client, `update ${table} set ${changes[0]} = ${changes[0]} where id = $1`, [id]);
      // A rule of the table may refuse; the wall does not.
      if (typeof outcome === "number") expect({ table, outcome }).toEqual({ table, outcome: 1 });
      else expect({ table, outcome }).not.toEqual({ table, outcome: denied });
      reached++;
    }
  });
  expect(reached).toBeGreaterThan(40);
});

test("no role deletes a row for good", async () => {
  for (const role of matrixRoles)
    await asTenant(database, { tenantId, role: `rowhouse_${role}` }, async (client) => {
      for (const { name } of tables)
        expect({ name, role, outcome: await attempt(client, `delete from ${name}`) }).toEqual({
          name,
          role,
          outcome: denied,
        });
    });
});
