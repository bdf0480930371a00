import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { type CatalogueTable, tenantTables } from "../support/catalogue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";

let database: TestDatabase;
let admin: pg.Client;
let server: pg.Client;
let tables: (CatalogueTable & { scope: string; granted: { insert: string[]; update: string[] } })[];
let tenantId: string;
let rowIds: RowIds;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  server = new pg.Client({ connectionString: database.serverUrl });
  await admin.connect();
  await server.connect();
  const created = await admin.query<{ id: string }>("select private.create_tenant('Acme', 'acme') as id");
  tenantId = created.rows[0]!.id;
  const found = await tenantTables(admin);
  rowIds = await insertRowOfEach(admin, found, tenantId);
  const { rows } = await admin.query<{ name: string; scope: string; insert: string[]; update: string[] }>(
    `select t as name, ddl.scope(t::regclass) as scope,
      array(select a.attname::text from pg_attribute a where a.attrelid = t::regclass and a.attnum > 0 and not a.attisdropped
        and has_column_privilege('rowhouse_admin', t, a.attname, 'insert')) as insert,
      array(select a.attname::text from pg_attribute a where a.attrelid = t::regclass and a.attnum > 0 and not a.attisdropped
        and has_column_privilege('rowhouse_admin', t, a.attname, 'update')) as update
    from unnest($1::text[]) t`,
    [found.map(({ name }) => name)],
  );
  const facts = new Map(rows.map((row) => [row.name, row]));
  tables = found.map((table) => {
    const { scope, insert, update } = facts.get(table.name)!;
    return { ...table, scope, granted: { insert, update } };
  });
});

afterAll(async () => {
  await server?.end();
  await admin?.end();
  await database?.drop();
});

/** What becomes of a statement of a key with scopes: rows, or the code and message of the refusal. Nothing stays. */
async function attempt(scopes: string, sql: string, values: readonly unknown[] = [], role = "rowhouse_admin_scoped") {
  await server.query("begin");
  await server.query(
    `select set_config('role', $1, true), set_config('jwt.claims.tenant_id', $2, true), set_config('jwt.claims.scopes', $3, true)`,
    [role, tenantId, scopes],
  );
  const outcome = await server.query(sql, [...values]).then(
    (result) => `${result.rowCount} rows`,
    (error: pg.DatabaseError) => `${error.code} ${error.message}`,
  );
  await server.query("rollback");
  return outcome;
}

const otherThan = (scope: string) => (scope === "tracking" ? "crm:write lists:write" : "tracking:write");
const lacks = (scope: string) => expect.stringContaining(`RH005 This API key lacks the scope ${scope}.`);

describe("a key that is limited to scopes", () => {
  test("reads no table of another part of the data, and is told which scope it lacks", async () => {
    for (const { name, scope } of tables) {
      const outcome = await attempt(otherThan(scope), `select from ${name}`);
      expect({ name, outcome }).toEqual({ name, outcome: lacks(`${scope}:read`) });
    }
  });

  test("reads each table of the parts it has the scope for; what may be written may be read", async () => {
    for (const { name, scope } of tables)
      for (const verb of ["read", "write"]) {
        const outcome = await attempt(`${scope}:${verb}`, `select from ${name}`);
        expect({ name, outcome }).toEqual({ name, outcome: expect.stringMatching(/^[1-9]\d* rows$/) });
      }
  });

  test("reads nothing at all where its role came without its scopes", async () => {
    for (const { name, scope } of tables)
      expect(await attempt("", `select from ${name}`)).toEqual(lacks(`${scope}:read`));
  });

  test("writes no table by the scope to read it, and each that its role may by the scope to write it", async () => {
    let refused = 0;
    const odd: string[] = [];
    for (const { name, scope, granted } of tables) {
      const id = rowIds.get(name);
      const { rows } = await admin.query(`select to_jsonb(t) as row from ${name} t where id = $1`, [id]);
      const columns = granted.insert.join(", ");
      const insert = `insert into ${name} (${columns}) select ${columns} from jsonb_populate_record(null::${name}, $1)`;
      const update = `update ${name} set ${granted.update[0]} = ${granted.update[0]} where id = $1`;
      for (const [sql, values] of [
        ...(granted.insert.length > 0 ? [[insert, [rows[0].row]] as const] : []),
        ...(granted.update.length > 0 ? [[update, [id]] as const] : []),
      ]) {
        const [reading, writing, unlimited] = [
          await attempt(`${scope}:read`, sql, values),
          await attempt(`${scope}:write`, sql, values),
          await attempt("", sql, values, "rowhouse_admin"),
        ];
        if (reading.includes(`lacks the scope ${scope}:write`)) refused++;
        else odd.push(`${sql}: ${reading}`);
        expect({ sql, reading }).toEqual({ sql, reading: expect.not.stringMatching(/^\d+ rows$/) });
        // By the scope to write it, the same happens as without scopes.
        if (writing !== unlimited) odd.push(`${sql}: ${writing} | ${unlimited}`);
      }
    }
    expect(odd).toEqual([]);
    console.log(`scopes: ${tables.length} tables, ${refused} writes refused`);
    expect(refused).toBeGreaterThan(60);
  });
});

test("only a role that is limited to scopes carries the policy, and asks once a statement", async () => {
  const plan = async (role: string) => {
    await server.query("begin");
    await server.query(
      `select set_config('role', $1, true), set_config('jwt.claims.tenant_id', $2, true), set_config('jwt.claims.scopes', 'lists:read', true)`,
      [role, tenantId],
    );
    const { rows } = await server.query<Record<"QUERY PLAN", string>>("explain (verbose) select id from lists.lists");
    await server.query("rollback");
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  };
  const plain = await plan("rowhouse_member");
  const scoped = await plan("rowhouse_member_scoped");
  expect(plain).not.toContain("require_scope");
  expect(scoped).toMatch(/Filter: \(\(InitPlan 1\)\.col1 AND[\s\S]*InitPlan 1[\s\S]*require_scope\('lists:read'/);
});

test("the scopes that are documented are those that exist, and every table has one of them", async () => {
  const { rows } = await admin.query<{ scopes: string[] }>("select app.known_scopes() as scopes");
  const page = readFileSync(new URL("../../docs/api-keys.md", import.meta.url), "utf8");
  const documented = page.split("\n").filter((line) => line.startsWith("| `"));
  expect([...documented.join().matchAll(/`([a-z_]+:(?:read|write))`[ ,]/g)].map((match) => match[1])).toEqual(
    expect.arrayContaining(rows[0]!.scopes),
  );
  for (const { scope } of tables) expect(rows[0]!.scopes).toContain(`${scope}:read`);
});
