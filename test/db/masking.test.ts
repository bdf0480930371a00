import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { tenantTables } from "../support/catalogue.ts";
import { contactTraces, maskedColumns, plantSecrets } from "../support/contact-secrets.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { refusal } from "../support/refusal.ts";
import { insertRowOfEach } from "../support/rows.ts";

let database: TestDatabase;
let admin: pg.Client;
let acme: string;
let globex: string;
let columns: Awaited<ReturnType<typeof maskedColumns>>;
let tables: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  acme = (await createTenant(database, "acme")).tenantId!;
  globex = (await createTenant(database, "globex")).tenantId!;
  const all = await tenantTables(admin);
  await insertRowOfEach(admin, all, acme);
  await insertRowOfEach(admin, all, globex);
  await plantSecrets(admin, acme, false);
  await plantSecrets(admin, globex, false);
  columns = await maskedColumns(admin);
  tables = [...new Set(columns.map(({ table_name }) => table_name))];
});

afterAll(async () => {
  await admin?.end();
  await database?.drop();
});

const as = (role: string, work: (client: pg.PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId: acme, role }, work);
const code = async (client: pg.PoolClient, sql: string) => ((await refusal(client, sql)) as { code?: string }).code;
const standIn = (table: string) => `masked.${table.replace(".", "_")}()`;

describe("the role of masked viewers", () => {
  test("may not touch a column that holds contact data, in whatever a statement does with it", async () => {
    for (const role of ["rowhouse_viewer_masked", "rowhouse_viewer_masked_scoped"])
      await as(role, async (client) => {
        await client.query("select set_config('jwt.claims.scopes', $1, true)", [
          "crm:read lists:read outreach:read inbox:read pipeline:read imports:read exports:read enrichment:read tracking:read",
        ]);
        for (const { table_name: table, column_name: column } of columns)
          for (const sql of [
            `select ${column} from ${table}`,
            `select from ${table} where ${column} is null`,
            `select from ${table} order by ${column}`,
            `select count(*) from ${table} group by ${column}`,
            `select count(distinct ${column}), min(${column}::text) from ${table}`,
            `select t from ${table} t`,
            `select to_jsonb(t) from ${table} t`,
          ])
            expect({ sql, code: await code(client, sql) }).toEqual({ sql, code: "42501" });
      });
    expect(columns.length).toBeGreaterThan(90);
  });

  test("reads the same rows by the stand-ins, of its own tenant, without a trace of what is masked", () =>
    as("rowhouse_viewer_masked", async (client) => {
      let masked = 0;
      for (const table of tables) {
        const own = await admin.query(`select from ${table} where tenant_id = $1`, [acme]);
        const { rows } = await client.query<{ row: string; tenant_id: string }>(
          `select t::text as row, tenant_id from ${standIn(table)} t`,
        );
        expect({ table, count: rows.length }).toEqual({ table, count: own.rowCount });
        for (const { row, tenant_id } of rows) {
          expect(tenant_id).toBe(acme);
          expect({ table, trace: contactTraces.exec(row)?.[0] }).toEqual({ table, trace: undefined });
          if (row.includes("•")) masked++;
        }
      }
      expect(masked).toBeGreaterThan(30);
    }));

  test("reads nothing without a tenant, and no part of the data that a key has no scope for", async () => {
    await as("rowhouse_viewer_masked_scoped", async (client) => {
      await client.query("select set_config('jwt.claims.scopes', 'events:read', true)");
      for (const table of tables)
        expect({ table, code: await code(client, `select from ${standIn(table)}`) }).toEqual({ table, code: "RH005" });
    });
    await as("rowhouse_viewer_masked", async (client) => {
      await client.query("select set_config('jwt.claims.tenant_id', '', true)");
      for (const table of tables) expect(await code(client, `select from ${standIn(table)}`)).toBe("RH001");
    });
  });

  test("reads every other table as viewers do, and searches by functions of its own only", () =>
    as("rowhouse_viewer_masked", async (client) => {
      const { rows } = await admin.query<{ name: string }>(
        `select c.oid::regclass::text as name from pg_class c where c.relkind in ('r', 'p', 'v') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
           and has_table_privilege('rowhouse_viewer', c.oid, 'select') and not c.oid::regclass::text = any ($1)`,
        [tables],
      );
      for (const { name } of rows) await client.query(`select from ${name}`);
      for (const name of ["contacts", "leads", "companies", "list_entries", "inbox_messages"])
        expect(await code(client, `select app.find_${name}('zq1')`)).toBe("42501");
    }));

  test("finds a row by its id as quickly: the stand-in is no more than the table's own index", () =>
    as("rowhouse_viewer_masked", async (client) => {
      await admin.query("analyze crm.contacts");
      await client.query("set local enable_seqscan = off");
      const { rows } = await client.query<{ "QUERY PLAN": string }>(
        `explain select primary_email, crm.contacts_age(c) from ${standIn("crm.contacts")} c where id = '01890a5d-ac96-774b-bcce-b302099a8057'`,
      );
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toMatch(/Index Scan using contacts_\w+ on contacts[\s\S]*Index Cond: .*id = /);
      expect(plan).not.toMatch(/Function Scan|Subquery Scan/);
    }));
});

describe("a masked value", () => {
  test.each([
    ["mask_email", "ada@engines.example", "a•••@e•••.example"],
    ["mask_email", "a@e.com", "a•••@e•••.com"],
    ["mask_email", "not an address", "•••"],
    ["mask_phone", "+12065550112", "+1•••••••12"],
    ["mask_phone", "(206) 555-0112", "•••••••12"],
    ["mask_phone", "911", "•••"],
    ["mask_domain", "engines.example", "e•••.example"],
    [
      "mask_text",
      "Write to Ada@Engines.example, or ring +1 (206) 555-0112 x3.",
      "Write to A•••@•••, or ring •••••••12 x3.",
    ],
    ["mask_text", "mailto:ada%40engines.example?subject=x", "mailto:a•••@•••?subject=x"],
    ["mask_text", "Room 12, 3 of 45, at 10:30", "Room 12, 3 of 45, at 10:30"],
  ])("%s of %j is %j", async (name, value, shown) => {
    const { rows } = await admin.query<{ shown: string }>(`select app.${name}($1) as shown`, [value]);
    expect(rows[0]!.shown).toBe(shown);
  });

  test("in JSON is masked at any depth, by its looks or by the name of its field; ids and times stay", async () => {
    const value = {
      Phone: "5550112",
      "Work E-Mail": "ada at engines",
      deep: [{ note: "ring 206 555 0112" }, 2065550112, 12.5, 7, null, true],
      id: "01890a5d-ac96-774b-bcce-b302099a8057",
      at: "2026-11-21T14:00:00Z",
    };
    const { rows } = await admin.query<{ shown: unknown }>("select app.mask_json($1) as shown", [value]);
    expect(rows[0]!.shown).toEqual({
      Phone: "•••••••12",
      "Work E-Mail": "•••",
      deep: [{ note: "ring •••••••12" }, "•••••••12", 12.5, 7, null, true],
      id: value.id,
      at: value.at,
    });
  });
});
