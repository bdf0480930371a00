import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";
import { tenantTables, type CatalogueTable } from "../support/catalogue.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { refusal } from "../support/refusal.ts";
import { insertRowOfEach, type RowIds } from "../support/rows.ts";

/** What somebody could do who made a request's transaction run SQL of their own. No client can; this is the second wall. */
const roles = ["anonymous", "viewer", "member", "manager", "admin", "system", "identity"].map(
  (name) => `rowhouse_${name}`,
);

let database: TestDatabase;
let acme: string;
let globex: string;
let tables: CatalogueTable[];
let acmeRows: RowIds;
let globexRows: RowIds;

beforeAll(async () => {
  database = await createTestDatabase();
  acme = (await createTenant(database, "acme")).tenantId!;
  globex = (await createTenant(database, "globex")).tenantId!;
  const admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  tables = await tenantTables(admin);
  acmeRows = await insertRowOfEach(admin, tables, acme);
  globexRows = await insertRowOfEach(admin, tables, globex);
  await admin.query("analyze");
  await admin.end();
});

afterAll(() => database?.drop());

const as = (role: string, work: (client: pg.PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId: acme, role }, work);

const code = async (client: pg.PoolClient, sql: string, values: unknown[] = []) =>
  ((await refusal(client, sql, values)) as { code?: string }).code;

describe("a role of the API", () => {
  test("becomes none of the roles that stand above the wall", async () => {
    const { rows } = await database.admin.query<{ name: string }>(
      "select rolname as name from pg_roles where rolsuper or rolbypassrls or rolname in ('rowhouse_owner', 'rowhouse_definer', 'rowhouse_worker')",
    );
    expect(rows.length).toBeGreaterThanOrEqual(4);
    for (const role of roles)
      await as(role, async (client) => {
        for (const { name } of rows) {
          expect(await code(client, `set role ${name}`)).toBe("42501");
          expect(await code(client, `set session authorization ${name}`)).toBe("42501");
          expect(await code(client, "select set_config('role', $1, true)", [name])).toBe("42501");
        }
        expect(await code(client, `grant rowhouse_owner to ${role}`)).toBe("42501");
        expect(await code(client, `alter role ${role} bypassrls`)).toBe("42501");
        expect(await code(client, "set session_replication_role = replica")).toBe("42501");
      });
  });

  test("takes no wall down", async () => {
    for (const role of roles)
      await as(role, async (client) => {
        for (const sql of [
          "alter table crm.contacts disable row level security",
          "drop policy tenant_wall on crm.contacts",
          "alter table crm.contacts disable trigger all",
          "create policy mine on crm.contacts using (true)",
          "truncate crm.contacts",
        ])
          expect({ sql, code: await code(client, sql) }).toEqual({ sql, code: "42501" });
      });
    // Whoever turns policies off gets an error, not the rows.
    await as("rowhouse_viewer", async (client) => {
      await client.query("set local row_security = off");
      expect(await code(client, "select from crm.contacts")).toBe("42501");
    });
  });

  test("creates nothing that could stand in for something of ours, temporary tables included", async () => {
    const { rows } = await database.admin.query<{ role: string; place: string }>(
      `select r.rolname as role, n.nspname as place from pg_roles r, pg_namespace n
       where r.rolname = any ($1) and has_schema_privilege(r.oid, n.oid, 'create')
       union all
       select r.rolname, p from pg_roles r, unnest(array['create', 'temporary']) p
       where r.rolname = any ($1) and has_database_privilege(r.oid, current_database(), p)`,
      [[...roles, "rowhouse_server"]],
    );
    expect(rows).toEqual([]);
  });

  test("neither reads nor writes the queue, nor what is private", async () => {
    for (const role of roles)
      await as(role, async (client) => {
        for (const sql of [
          "select from graphile_worker.jobs",
          "select from graphile_worker._private_jobs",
          "delete from graphile_worker._private_jobs",
          "select graphile_worker.add_job('export_list', '{}')",
          "select from private.user_credentials",
          "select from private.api_key_hashes",
          "select from private.connection_secrets",
          "select from private.idempotency_keys",
        ])
          expect({ role, sql, code: await code(client, sql) }).toEqual({ role, sql, code: "42501" });
      });
  });

  test("reads nothing of others in PostgreSQL's own catalogue", async () => {
    const busy = await database.server.connect();
    try {
      await busy.query("begin; select 'a secret in a statement'");
      for (const role of roles)
        await as(role, async (client) => {
          const { rows } = await client.query("select query from pg_stat_activity where pid <> pg_backend_pid()");
          expect(JSON.stringify(rows)).not.toContain("a secret in a statement");
          // Most common values are values of rows.
          expect((await client.query("select from pg_stats where schemaname = any (ddl.own_schemas())")).rowCount).toBe(
            0,
          );
          for (const sql of ["select from pg_authid", "select from pg_statistic", "select from pg_hba_file_rules"])
            expect({ sql, code: await code(client, sql) }).toEqual({ sql, code: "42501" });
        }).catch((error: { code?: string }) => {
          // A role that may not even name our schemas reads no statistics either.
          expect(error.code).toBe("42501");
        });
    } finally {
      await busy.query("rollback");
      busy.release();
    }
  });

  test("reaches no file and no program of the server", () =>
    as("rowhouse_admin", async (client) => {
      for (const sql of [
        "copy crm.contacts to program 'cat'",
        "copy (select 1) to '/tmp/rowhouse-attack'",
        "copy crm.contacts from '/etc/passwd'",
        "select pg_read_file('/etc/passwd')",
        "select pg_ls_dir('/')",
        "select lo_import('/etc/passwd')",
        "select lo_export(1, '/tmp/rowhouse-attack')",
        "create extension dblink",
      ])
        expect({ sql, code: await code(client, sql) }).toEqual({ sql, code: "42501" });
    }));

  test("makes, reads and writes no large object, which would belong to no tenant", async () => {
    const { rows } = await database.admin.query<{ id: number }>("select lo_from_bytea(0, 'of somebody') as id");
    for (const role of roles)
      await as(role, async (client) => {
        for (const sql of [
          "select lo_create(0)",
          "select lo_creat(-1)",
          "select lo_from_bytea(0, 'x')",
          `select lo_get(${rows[0]!.id})`,
          `select lo_put(${rows[0]!.id}, 0, 'x')`,
          `select lo_open(${rows[0]!.id}, 131072)`,
          `select lo_unlink(${rows[0]!.id})`,
        ])
          expect({ role, sql, code: await code(client, sql) }).toEqual({ role, sql, code: "42501" });
      });
  });

  test("that listens hears that something changed, and never what", async () => {
    const listener = new pg.Client({ connectionString: database.serverUrl });
    await listener.connect();
    try {
      await listener.query("set role rowhouse_viewer");
      const { rows } = await database.admin.query<{ channel: string }>(
        `select distinct m[1] as channel from pg_proc p, regexp_matches(p.prosrc, 'pg_notify\\(''([a-z_:]+)''', 'g') m
         where p.pronamespace::regnamespace::text = any (ddl.own_schemas())`,
      );
      for (const { channel } of rows) await listener.query(`listen "${channel}"`);
      const heard = once(listener, "notification");
      const secret = "a private file name";
      await asTenant(
        database,
        { tenantId: globex },
        (client) =>
          client.query("update lists.list_imports set file_name = $2, line_count = 7 where id = $1", [
            globexRows.get("lists.list_imports"),
            secret,
          ]),
        { commit: true },
      );
      const [{ payload }] = (await heard) as [{ payload: string }];
      expect(payload).not.toContain(secret);
      expect(payload).toMatch(/^[\w\s:",{}[\].-]*$/);
    } finally {
      await listener.end();
    }
  });
});

describe("an id of another tenant", () => {
  test("is refused by every foreign key in the words for an id that does not exist", async () => {
    const { rows: references } = await database.admin.query<{ table: string; column: string; target: string }>(
      `select c.conrelid::regclass::text as table, c.confrelid::regclass::text as target,
         (select a.attname from pg_attribute a where a.attrelid = c.conrelid and a.attnum = c.conkey[cardinality(c.conkey)]) as column
       from pg_constraint c where c.contype = 'f' and cardinality(c.conkey) = 2 and c.conparentid = 0 order by 1, 3`,
    );
    let compared = 0;
    await as("rowhouse_system", async (client) => {
      for (const { table, column, target } of references) {
        const [row, foreign] = [acmeRows.get(table), globexRows.get(target)];
        if (!row || !foreign) continue;
        const attempt = async (id: string) => {
          const { message, detail, code, constraint } = (await refusal(
            client,
            `update ${table} set ${column} = $2 where id = $1`,
            [row, id],
          )) as Record<string, string | undefined>;
          return { code, constraint, text: `${message} ${detail}`.replaceAll(id, "…") };
        };
        const [exists, doesNot] = [await attempt(foreign), await attempt(randomUUID())];
        expect({ table, column, ...exists }).toEqual({ table, column, ...doesNot });
        if (exists.code === "23503") compared++;
      }
    });
    console.log(`attacks: ${references.length} references, ${compared} compared by their foreign key`);
    expect(compared).toBeGreaterThan(10);
  });

  test("or any other key of another tenant blocks no key of one's own", async () => {
    const { rows } = await database.admin.query<{ name: string; isChosen: boolean }>(
      `select i.indexrelid::regclass::text as name,
         (select bool_or(has_column_privilege(r, c.oid, k, 'insert, update')) from unnest(i.indkey::int2[]) k, unnest(array['rowhouse_admin', 'rowhouse_admin_scoped']) r) as "isChosen"
       from pg_index i join pg_class c on c.oid = i.indrelid
       join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id'
       where i.indisunique and c.relnamespace::regnamespace::text = any (ddl.domain_schemas()) and t.attnum <> all (i.indkey::int2[])`,
    );
    // Values that are made at random, and that no client chooses: nobody learns by one of his own that it is taken.
    expect(rows.sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: "pipeline.webhook_sources_path_token_key", isChosen: false },
      { name: "tracking.tracked_links_token_key", isChosen: false },
      { name: "tracking.tracking_pixels_token_key", isChosen: false },
    ]);
  });
});

test("a condition that could tell of a row is never asked of another tenant's", () =>
  as("rowhouse_viewer", async (client) => {
    const { rows } = await database.admin.query("select id from crm.contacts where tenant_id = $1", [globex]);
    expect(rows.length).toBeGreaterThan(0);
    // It would fail on the first row of the other tenant that it saw.
    const leaky = `select count(*) from crm.contacts c where 1 / (case when c.tenant_id = app.tenant_id() then 1 else 0 end) = 1`;
    await client.query(leaky);
    await client.query(leaky.replace("count(*)", "*").replace("= 1", "= 1 or c.first_name like '%x%'"));
  }));

describe("the login of the worker", () => {
  const asWorker = async (work: (client: pg.PoolClient) => Promise<void>) => {
    const client = await database.worker.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [acme]);
      await work(client);
    } finally {
      await client.query("rollback");
      client.release();
    }
  };

  test("reads and writes no table of a tenant until it becomes the system of that tenant or who an automation acts as, and becomes nothing else", () =>
    asWorker(async (client) => {
      for (const { name } of tables)
        for (const sql of [`select from ${name}`, `delete from ${name}`])
          expect({ sql, code: await code(client, sql) }).toEqual({ sql, code: "42501" });
      const { rows } = await database.admin.query<{ name: string }>(
        "select rolname as name from pg_roles where rolname <> 'rowhouse_worker' and (rolname ~ '^rowhouse_' or rolsuper or rolbypassrls)",
      );
      const became: string[] = [];
      for (const { name } of rows) if ((await code(client, `set role ${name}`)) !== "42501") became.push(name);
      const acting = ["viewer", "member", "manager", "admin"].flatMap((role) => [
        `rowhouse_${role}`,
        `rowhouse_${role}_scoped`,
      ]);
      expect(became.sort()).toEqual([...acting, "rowhouse_system"].sort());
      await client.query("set local role rowhouse_system");
      expect((await client.query("select from crm.contacts")).rowCount).toBeGreaterThan(0);
      expect((await client.query("select from crm.contacts where tenant_id <> $1", [acme])).rowCount).toBe(0);
    }));

  test("owns the queue and nothing of ours, and makes nothing", async () => {
    const { rows } = await database.admin.query(
      `select c.oid::regclass::text as name from pg_class c where c.relowner = 'rowhouse_worker'::regrole and c.relnamespace::regnamespace::text <> 'graphile_worker'
         and c.relkind in ('r', 'p', 'v', 'm', 'S')
       union all
       select n.nspname from pg_namespace n where has_schema_privilege('rowhouse_worker', n.oid, 'create') and n.nspname not in ('graphile_worker', 'private')
       union all
       select rolname from pg_roles where rolname = 'rowhouse_worker' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolinherit)`,
    );
    expect(rows).toEqual([]);
  });

  test("reads nothing that is private but by the functions that say so", () =>
    asWorker(async (client) => {
      for (const table of [
        "user_credentials",
        "user_totp",
        "api_key_hashes",
        "session_tokens",
        "password_reset_tokens",
        "idempotency_keys",
      ])
        for (const role of ["rowhouse_worker", "rowhouse_system"]) {
          await client.query(`set local role ${role}`);
          const sql = `select from private.${table}`;
          expect({ role, sql, code: await code(client, sql) }).toEqual({ role, sql, code: "42501" });
          await client.query("reset role");
        }
    }));
});
