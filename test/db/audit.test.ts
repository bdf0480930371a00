import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

const RULE = { effect: "reject", match_type: "email", value: "anna@example.com", reason: "Asked for it" };

let database: TestDatabase;
let tenantId: string;
let actorId: string;
let otherId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
  otherId = (await createTenant(database, "globex")).tenantId!;
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back. */
const as = (role: string, work: (client: PoolClient) => Promise<void>, userId?: string) =>
  asTenant(database, { tenantId, actorId, userId, role: `rowhouse_${role}` }, work);

/** Works as a superuser with the claim of the tenant, and rolls back. */
async function asSuperuser(work: (client: PoolClient) => Promise<void>): Promise<void> {
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

/** What was written about a row, the oldest first. */
const logsOf = async (client: PoolClient, entityId: string) =>
  (
    await client.query(
      "select action, old_values, new_values from audit.audit_logs where entity_id = $1 order by tenant_id, id",
      [entityId],
    )
  ).rows;

const countLogs = async (client: PoolClient, entityType: string) =>
  Number(
    (await client.query("select count(*) from audit.audit_logs where entity_type = $1", [entityType])).rows[0].count,
  );

describe("a change of a sensitive row", () => {
  test("is written with what was changed and nothing else: made, changed, deleted, brought back, gone", () =>
    as("system", async (client) => {
      const { id } = await insertInto(client, "lists.filter_rules", RULE);
      for (const sql of [
        "update lists.filter_rules set value = 'ben@example.com', reason = 'Asked for it' where id = $1",
        "update lists.filter_rules set deleted_at = '2030-01-01Z' where id = $1",
        "update lists.filter_rules set deleted_at = null, scope = 'export' where id = $1",
        "delete from lists.filter_rules where id = $1",
      ])
        await client.query(sql, [id]);
      await client.query("set local role rowhouse_admin");
      const deleted_at = expect.stringMatching(/^20(30-01-01|29-12-31)T/);
      expect(await logsOf(client, id)).toEqual([
        { action: "create", old_values: null, new_values: { ...RULE, id, scope: "both", created_by: actorId } },
        { action: "update", old_values: { value: RULE.value }, new_values: { value: "ben@example.com" } },
        { action: "delete", old_values: { deleted_at: null }, new_values: { deleted_at } },
        {
          action: "restore",
          old_values: { deleted_at, scope: "both" },
          new_values: { deleted_at: null, scope: "export" },
        },
        {
          action: "delete",
          old_values: { ...RULE, id, value: "ben@example.com", scope: "export", created_by: actorId },
          new_values: null,
        },
      ]);
    }));

  test.each([
    ["a value to nothing", "Asked for it", null, [{ reason: "Asked for it" }, { reason: null }]],
    ["nothing to a value", null, "Asked for it", [{ reason: null }, { reason: "Asked for it" }]],
    ["nothing to nothing", null, null, undefined],
    ["a value to itself", "Asked for it", "Asked for it", undefined],
  ])("from %s is told as such", (_case, before, after, values) =>
    as("system", async (client) => {
      const { id } = await insertInto(client, "lists.filter_rules", { ...RULE, reason: before });
      await client.query("update lists.filter_rules set reason = $2 where id = $1", [id, after]);
      await client.query("set local role rowhouse_admin");
      const [, ...changes] = await logsOf(client, id);
      expect(changes).toEqual(values ? [{ action: "update", old_values: values[0], new_values: values[1] }] : []);
    }),
  );

  test("is not written when only the time of the change or an ignored column is another one", () =>
    as("system", async (client) => {
      const list = await insertInto(client, "lists.lists", { name: "Leads" });
      const { id } = await insertInto(client, "lists.export_jobs", { list_id: list.id });
      await client.query("update lists.export_jobs set row_count = 5, byte_count = 500 where id = $1", [id]);
      await client.query("update lists.export_jobs set updated_at = now() + interval '1 day' where id = $1", [id]);
      await client.query("update lists.export_jobs set row_count = 6, tag = 'called' where id = $1", [id]);
      await client.query("set local role rowhouse_admin");
      const [created, ...changes] = await logsOf(client, id);
      expect(created.new_values).not.toHaveProperty("row_count");
      expect(changes).toEqual([{ action: "update", old_values: { tag: null }, new_values: { tag: "called" } }]);
    }));

  test("tells that a secret was changed, and never what it was", () =>
    as("system", async (client) => {
      const source = await insertInto(client, "pipeline.webhook_sources", { name: "Twilio", provider: "twilio" });
      await client.query("update pipeline.webhook_sources set path_token = repeat('a', 64) where id = $1", [source.id]);
      await client.query("set local role rowhouse_admin");
      const logs = await logsOf(client, source.id);
      expect(logs[0].new_values).toMatchObject({ name: "Twilio", path_token: "[redacted]" });
      expect(logs[1]).toMatchObject({
        old_values: { path_token: "[redacted]" },
        new_values: { path_token: "[redacted]" },
      });
      expect(JSON.stringify(logs)).not.toContain(source.path_token);
    }));

  test("tells that there was no secret before, or is none any more", () =>
    asSuperuser(async (client) => {
      await client.query(`create table lists.doors (tenant_id uuid not null, id uuid not null, secret text)`);
      await client.query("grant select on lists.doors to rowhouse_owner");
      await client.query("select ddl.audit('lists.doors', '{secret}')");
      const { rows } = await client.query("insert into lists.doors values ($1, uuidv7(), null) returning id", [
        tenantId,
      ]);
      for (const secret of ["sesame", "abracadabra", null])
        await client.query("update lists.doors set secret = $1", [secret]);
      const changes = (await logsOf(client, rows[0].id)).map((log) => [log.old_values?.secret, log.new_values.secret]);
      const redacted = "[redacted]";
      expect(changes).toEqual([
        [undefined, undefined],
        [null, redacted],
        [redacted, redacted],
        [redacted, null],
      ]);
    }));

  test("says who made it, in which request and from where; nothing of it when a set-up command did", () =>
    as(
      "system",
      async (client) => {
        const settings = "select set_config('rowhouse.request_id', $1, true), set_config('rowhouse.ip', $2, true)";
        await client.query(settings, ["req-1", "2001:db8::1"]);
        const known = await insertInto(client, "lists.filter_rules", RULE);
        await client.query(settings, ["", ""]);
        for (const name of ["actor_id", "sub"]) await client.query(`select set_config('jwt.claims.${name}', '', true)`);
        const unknown = await insertInto(client, "lists.filter_rules", { ...RULE, value: "ben@example.com" });
        await client.query("set local role rowhouse_admin");
        const { rows } = await client.query(
          `select entity_type, actor_id, user_id, request_id, host(ip_address) as ip from audit.audit_logs
           where entity_id = any ($1) order by id`,
          [[known.id, unknown.id]],
        );
        expect(rows).toEqual([
          { entity_type: "filter_rules", actor_id: actorId, user_id: otherId, request_id: "req-1", ip: "2001:db8::1" },
          { entity_type: "filter_rules", actor_id: null, user_id: null, request_id: null, ip: null },
        ]);
      },
      otherId,
    ));

  test("of a user is told to each tenant they belong to, and to no other", () =>
    asSuperuser(async (client) => {
      const join = "insert into iam.memberships (tenant_id, user_id) values ($1, $2)";
      const { id } = await insertInto(client, "iam.users", { email: "zoe@example.com", name: "Zoe" });
      for (const tenant of [tenantId, otherId]) await client.query(join, [tenant, id]);
      const gone = await client.query("select private.create_tenant('Gone', 'gone') as id");
      await client.query(join, [gone.rows[0].id, id]);
      await client.query("update iam.memberships set deleted_at = now() where tenant_id = $1", [gone.rows[0].id]);
      await client.query("update iam.users set name = 'Zoë' where id = $1", [id]);
      const { rows } = await client.query(
        `select tenant_id, old_values, new_values from audit.audit_logs
         where entity_type = 'users' and action = 'update' and entity_id = $1 order by tenant_id`,
        [id],
      );
      const values = { old_values: { name: "Zoe" }, new_values: { name: "Zoë" } };
      expect(rows).toEqual([tenantId, otherId].sort().map((tenant_id) => ({ tenant_id, ...values })));
    }));

  test("of ten thousand rows at once writes ten thousand logs by one statement", () =>
    asSuperuser(async (client) => {
      await client.query(
        `create function pg_temp.note() returns trigger language plpgsql as $$
         begin perform set_config('test.statements', (current_setting('test.statements')::int + 1)::text, true); return null; end $$`,
      );
      await client.query(
        "create trigger note after insert on audit.audit_logs for each statement execute function pg_temp.note()",
      );
      await client.query("select set_config('test.statements', '0', true)");
      const statements = async () => {
        const { rows } = await client.query("select current_setting('test.statements')::int as n");
        return rows[0].n;
      };
      await client.query(
        `insert into lists.filter_rules (effect, match_type, value)
         select 'reject', 'email', format('p%s@example.com', n) from generate_series(1, 10000) n`,
      );
      expect([await countLogs(client, "filter_rules"), await statements()]).toEqual([10_000, 1]);
      await client.query("update lists.filter_rules set reason = 'Bounced'");
      expect([await countLogs(client, "filter_rules"), await statements()]).toEqual([20_000, 2]);
      await client.query("update lists.filter_rules set reason = 'Bounced'");
      await client.query("delete from lists.filter_rules");
      expect([await countLogs(client, "filter_rules"), await statements()]).toEqual([30_000, 3]);
    }));

  test("leaves no trace when it is rolled back", () =>
    as("system", async (client) => {
      await client.query("savepoint before");
      const { id } = await insertInto(client, "lists.filter_rules", RULE);
      await client.query("rollback to savepoint before");
      await client.query("set local role rowhouse_admin");
      expect(await logsOf(client, id)).toEqual([]);
    }));
});

describe("the audit log", () => {
  test("is never changed, by anybody", () =>
    asSuperuser(async (client) => {
      await insertInto(client, "lists.filter_rules", RULE);
      const changes = [
        "update audit.audit_logs set new_values = null",
        "delete from audit.audit_logs",
        "truncate audit.audit_logs",
      ];
      for (const sql of changes) expect(await refusal(client, sql)).toMatchObject({ code: "RH005" });
      for (const role of ["rowhouse_admin", "rowhouse_system"]) {
        await client.query(`set local role ${role}`);
        for (const sql of changes) expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
      }
    }));

  test("is written by no request", () =>
    as("admin", async (client) => {
      const sql = "insert into audit.audit_logs (action, entity_type, entity_id) values ('create', 'lists', uuidv7())";
      expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
    }));

  test("is read by admins only, who see what was done in their tenant", () =>
    as("manager", async (client) => {
      const { id } = await insertInto(client, "lists.filter_rules", RULE);
      for (const role of ["viewer", "member", "manager"]) {
        await client.query(`set local role rowhouse_${role}`);
        expect(await refusal(client, "select from audit.audit_logs")).toMatchObject({ code: "42501" });
      }
      await client.query("set local role rowhouse_admin");
      expect(await logsOf(client, id)).toHaveLength(1);
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [otherId]);
      expect(await logsOf(client, id)).toEqual([]);
    }));

  const file = readFileSync(new URL("../../db/schema/audit/audited_tables.sql", import.meta.url), "utf8");
  const tables = [...file.matchAll(/^select ddl\.audit\('([^']+)'/gm)].map((match) => match[1]!);

  test("hears of each table by three triggers, and of no table that is not listed", async () => {
    const { rows } = await database.admin.query(
      `select tgrelid::regclass::text as name, array_agg(tgname::text order by tgname) as triggers
       from pg_trigger where tgfoid = 'audit.record_change()'::regprocedure and tgenabled = 'O' group by 1`,
    );
    const triggers = ["delete", "insert", "update"].map((event) => `_900_audit_on_${event}`);
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(tables.length).toBeGreaterThan(10);
    expect(rows.sort(byName)).toEqual(tables.map((name) => ({ name, triggers })).sort(byName));
  });
});
