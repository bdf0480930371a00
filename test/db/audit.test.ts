import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

const RULE = { effect: "reject", match_type: "phone", value: "+12022243441" };

let database: TestDatabase;
let tenantId: string;
let actorId: string;
let otherId: string;
const userId = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
  otherId = (await createTenant(database, "globex")).tenantId!;
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant with a request's id and address, and rolls back. */
const as = (role: string, work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, userId, role: `rowhouse_${role}` }, async (client) => {
    await client.query(
      "select set_config('rowhouse.request_id', 'req-1', true), set_config('rowhouse.ip', '2001:db8::7', true)",
    );
    await work(client);
  });

/** Works as a superuser, whom no wall binds, and rolls back; in no tenant unless told. */
async function asSuperuser(work: (client: PoolClient) => Promise<void>, tenant = ""): Promise<void> {
  const client = await database.admin.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenant]);
    await work(client);
  } finally {
    await client.query("rollback");
    client.release();
  }
}

/** What a transaction has written about a table, in order. */
async function logs(client: PoolClient, table: string) {
  const { rows: before } = await client.query("select current_user as role, current_user = session_user as superuser");
  const { role, superuser } = before[0];
  // A request's own role need not read the log.
  if (!superuser) await client.query("set local role rowhouse_admin");
  const { rows } = await client.query(
    `select tenant_id, action, entity_id, old_values, new_values, actor_id, user_id, host(ip_address) as ip, request_id, created_at
     from audit.audit_logs where entity_type = $1 and created_at = now() order by id`,
    [table],
  );
  if (!superuser) await client.query(`set local role ${role}`);
  return rows;
}

/** What the latest of these entries says of the values. */
const values = async (client: PoolClient, table: string) => {
  const all = await logs(client, table);
  const { action, old_values, new_values } = all.at(-1)!;
  return { count: all.length, action, before: old_values, after: new_values };
};

describe("an entry of the audit log", () => {
  test("says what was made: by whom, from where, in which request, and with which values", () =>
    as("manager", async (client) => {
      const { id } = await insertInto(client, "lists.filter_rules", { ...RULE, reason: "asked us to stop" });
      expect(await logs(client, "filter_rules")).toEqual([
        {
          tenant_id: tenantId,
          action: "create",
          entity_id: id,
          old_values: null,
          new_values: { id, ...RULE, scope: "both", reason: "asked us to stop", created_by: actorId },
          actor_id: actorId,
          user_id: userId,
          ip: "2001:db8::7",
          request_id: "req-1",
          created_at: expect.any(Date),
        },
      ]);
    }));

  test.each([
    ["a value to another", "reason = 'b'", { reason: "a" }, { reason: "b" }],
    ["a value to nothing", "reason = null", { reason: "a" }, { reason: null }],
    [
      "nothing to a value",
      "expires_at = '2030-01-01Z'",
      { expires_at: null },
      { expires_at: "2030-01-01T00:00:00+00:00" },
    ],
    [
      "two values, and one that stays",
      "reason = 'b', scope = 'export', effect = effect",
      { reason: "a", scope: "both" },
      { reason: "b", scope: "export" },
    ],
  ])("shows what changed and nothing else: %s", (_case, assignment, before, after) =>
    as("manager", async (client) => {
      await insertInto(client, "lists.filter_rules", { ...RULE, reason: "a" });
      await client.query("set local time zone 'UTC'");
      await client.query(`update lists.filter_rules set ${assignment}`);
      expect(await values(client, "filter_rules")).toEqual({ count: 2, action: "update", before, after });
    }),
  );

  test.each([
    ["nothing stays nothing", "expires_at = null"],
    ["a value stays as it is", "reason = 'a'"],
    ["nobody is hit", "reason = 'b' where false"],
  ])("is not written when nothing changed: %s", (_case, assignment) =>
    as("manager", async (client) => {
      await insertInto(client, "lists.filter_rules", { ...RULE, reason: "a" });
      await client.query(`update lists.filter_rules set ${assignment}`);
      expect(await values(client, "filter_rules")).toMatchObject({ count: 1, action: "create" });
    }),
  );

  test("tells of a row that was put in the trash, brought back, and deleted for good", () =>
    as("manager", async (client) => {
      const { id } = await insertInto(client, "lists.filter_rules", RULE);
      await client.query("update lists.filter_rules set deleted_at = now()");
      expect(await values(client, "filter_rules")).toMatchObject({ action: "delete", before: { deleted_at: null } });
      await client.query("update lists.filter_rules set deleted_at = null, reason = 'again'");
      expect(await values(client, "filter_rules")).toMatchObject({
        action: "restore",
        after: { deleted_at: null, reason: "again" },
      });
      await client.query("set local role rowhouse_system");
      await client.query("delete from lists.filter_rules");
      expect(await values(client, "filter_rules")).toEqual({
        count: 4,
        action: "delete",
        before: { id, ...RULE, scope: "both", reason: "again", created_by: actorId },
        after: null,
      });
    }));

  test("is of one row less and one row more when the key itself changes", () =>
    asSuperuser(async (client) => {
      const { id } = await insertInto(client, "lists.filter_rules", RULE);
      await client.query("update lists.filter_rules set id = uuidv7()");
      const [, ...rest] = await logs(client, "filter_rules");
      expect(rest.map((log) => [log.action, log.entity_id === id]).sort()).toEqual([
        ["create", false],
        ["delete", true],
      ]);
    }, tenantId));

  test("goes with the change: what is rolled back leaves no trace", async () => {
    await as("manager", async (client) => {
      await client.query("savepoint before");
      await insertInto(client, "lists.filter_rules", RULE);
      expect(await logs(client, "filter_rules")).toHaveLength(1);
      await client.query("rollback to savepoint before");
      expect(await logs(client, "filter_rules")).toEqual([]);
      await insertInto(client, "lists.filter_rules", RULE);
    });
    const { rowCount } = await database.admin.query("select from audit.audit_logs where entity_type = 'filter_rules'");
    expect(rowCount).toBe(0);
  });

  test("of ten thousand rows that one statement changed is written by one statement", () =>
    asSuperuser(async (client) => {
      await client.query("create temporary table writes (row_count bigint) on commit drop");
      await client.query(`create function pg_temp.note() returns trigger language plpgsql as $$
        begin insert into pg_temp.writes select count(*) from new_rows; return null; end $$`);
      await client.query("grant all on writes to public");
      await client.query(`create trigger note after insert on audit.audit_logs referencing new table as new_rows
        for each statement execute function pg_temp.note()`);
      await client.query(`insert into lists.filter_rules (effect, match_type, value)
        select 'reject', 'prefix', '+1' || n from generate_series(200000, 209999) n`);
      await client.query("update lists.filter_rules set reason = value where value < '+1205000'");
      await client.query("delete from lists.filter_rules");
      const { rows } = await client.query("select row_count::integer from writes");
      expect(rows).toEqual([{ row_count: 10_000 }, { row_count: 5_000 }, { row_count: 10_000 }]);
      const found =
        await client.query(`select from audit.audit_logs where action = 'update' and old_values = '{"reason": null}'
        and new_values ->> 'reason' ~ '^\\+120[0-4]'`);
      expect(found.rowCount).toBe(5_000);
    }, tenantId));

  test("is written although the request comes from no address, or from one that is none", () =>
    as("manager", async (client) => {
      for (const ip of ["", "fe80::1%eth0", "unix:"]) {
        await client.query("select set_config('rowhouse.ip', $1, true)", [ip]);
        await client.query("savepoint address");
        await insertInto(client, "lists.filter_rules", RULE);
        expect(await logs(client, "filter_rules")).toMatchObject([{ ip: null, request_id: "req-1" }]);
        await client.query("rollback to savepoint address");
      }
    }));

  test("is read by admins of the tenant only, written by no request, and changed by nobody", async () => {
    await asTenant(
      database,
      { tenantId, role: "rowhouse_manager" },
      (client) => insertInto(client, "lists.filter_rules", RULE),
      { commit: true },
    );
    await as("admin", async (client) => {
      expect((await client.query("select from audit.audit_logs where entity_type = 'filter_rules'")).rowCount).toBe(1);
      const write = `insert into audit.audit_logs (action, entity_type, entity_id) values ('update', 'lists', uuidv7())`;
      expect(await refusal(client, write)).toMatchObject({ code: "42501" });
    });
    await asTenant(database, { tenantId: otherId, role: "rowhouse_admin" }, async (client) => {
      expect((await client.query("select from audit.audit_logs where entity_type = 'filter_rules'")).rowCount).toBe(0);
    });
    await as("manager", async (client) => {
      expect(await refusal(client, "select from audit.audit_logs")).toMatchObject({ code: "42501" });
    });
    for (const sql of [
      "update audit.audit_logs set action = action",
      "delete from audit.audit_logs",
      "truncate audit.audit_logs",
    ]) {
      await as("system", async (client) => {
        expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
      });
      await expect(database.admin.query(sql)).rejects.toMatchObject({ code: "RH005" });
    }
  });
});

describe("what an entry leaves out", () => {
  const REDACTED = "[redacted]";

  test("is what a secret is, not that it was made, replaced or removed", () =>
    asSuperuser(async (client) => {
      const source = await insertInto(client, "pipeline.webhook_sources", { name: "Twilio", provider: "twilio" });
      expect(await values(client, "webhook_sources")).toMatchObject({
        after: { name: "Twilio", path_token: REDACTED },
      });
      await client.query("update pipeline.webhook_sources set path_token = $1", ["0".repeat(64)]);
      expect(await values(client, "webhook_sources")).toMatchObject({
        before: { path_token: REDACTED },
        after: { path_token: REDACTED },
      });

      const secret = { tenant_id: tenantId, webhook_source_id: source.id, sealed_secret: Buffer.from("one") };
      await insertInto(client, "private.webhook_source_secrets", secret);
      await client.query(
        "update private.webhook_source_secrets set previous_sealed_secret = sealed_secret, sealed_secret = 'two'",
      );
      expect(await values(client, "webhook_source_secrets")).toEqual({
        count: 2,
        action: "update",
        before: { sealed_secret: REDACTED, previous_sealed_secret: null },
        after: { sealed_secret: REDACTED, previous_sealed_secret: REDACTED },
      });
      await client.query("delete from private.webhook_source_secrets");
      expect(await logs(client, "webhook_source_secrets")).toMatchObject([
        { entity_id: source.id, tenant_id: tenantId },
        { entity_id: source.id },
        { entity_id: source.id, action: "delete", old_values: { sealed_secret: REDACTED }, new_values: null },
      ]);
    }, tenantId));

  test("is what changes whenever a row is used", () =>
    asSuperuser(async (client) => {
      await insertInto(client, "iam.api_keys", { name: "CI", prefix: "rh_abcd1234" });
      await client.query("update iam.api_keys set last_used_at = now()");
      expect(await values(client, "api_keys")).toMatchObject({ count: 1, action: "create" });
      await client.query("update iam.api_keys set last_used_at = clock_timestamp(), revoked_at = '2026-01-02Z'");
      expect(await values(client, "api_keys")).toEqual({
        count: 2,
        action: "update",
        before: { revoked_at: null },
        after: { revoked_at: expect.stringMatching(/^2026-01-0/) },
      });
    }, tenantId));

  test("is named by columns that there are", () =>
    asSuperuser(async (client) => {
      for (const call of ["'{path_tokn}'", "p_ignored => '{last_used}'", "p_scope => 'tenant'", "p_entity => 'key'"]) {
        expect(String(await refusal(client, `select ddl.audit('pipeline.webhook_sources', ${call})`))).toMatch(
          /has no column/,
        );
      }
    }));
});

describe("a change of what belongs to no one tenant", () => {
  const createUser = async (client: PoolClient, ...tenants: string[]) => {
    let id = "";
    for (const tenant of tenants) {
      const { rows } = await client.query(
        "select private.create_user($1, 'ann@example.test', 'Ann', 'member', $2) as id",
        [tenant, "$argon2id$x"],
      );
      id = rows[0].id;
    }
    return id;
  };

  test("is told to each tenant that the user belongs to, and the actor only to his own", () =>
    asSuperuser(async (client) => {
      const id = await createUser(client, tenantId, otherId);
      expect((await logs(client, "memberships")).map((log) => log.tenant_id)).toEqual([tenantId, otherId]);
      const claims =
        "select set_config('jwt.claims.tenant_id', $1, true), set_config('jwt.claims.actor_id', $2, true), set_config('jwt.claims.sub', $3, true)";
      await client.query(claims, [tenantId, actorId, userId]);
      await client.query("update iam.users set name = 'Anne' where id = $1", [id]);
      await client.query("update private.user_credentials set password_hash = '$argon2id$y' where user_id = $1", [id]);
      const change = { action: "update", entity_id: id, user_id: userId };
      const named = { ...change, old_values: { name: "Ann" }, new_values: { name: "Anne" } };
      const redacted = { ...change, new_values: { password_hash: "[redacted]" } };
      const told = async (table: string) =>
        (await logs(client, table)).sort((a) => (a.tenant_id === tenantId ? -1 : 1));
      for (const [table, entry] of [
        ["users", named],
        ["user_credentials", redacted],
      ] as const) {
        expect(await told(table)).toMatchObject([
          { ...entry, tenant_id: tenantId, actor_id: actorId },
          { ...entry, tenant_id: otherId, actor_id: null },
        ]);
      }
    }));

  test("is told to nobody else: not to tenants that the user has left, nor to any when there is none", () =>
    asSuperuser(async (client) => {
      const id = await createUser(client, tenantId, otherId);
      await client.query("update iam.memberships set deleted_at = now() where user_id = $1 and tenant_id = $2", [
        id,
        otherId,
      ]);
      await client.query("update iam.users set name = 'Anne' where id = $1", [id]);
      expect((await logs(client, "users")).map((log) => log.tenant_id)).toEqual([tenantId]);
      await client.query("insert into iam.users (email, name) values ('nobody@example.test', 'Nobody')");
      expect(await logs(client, "users")).toHaveLength(1);
    }));

  test("is told to the tenant in which it is made when the user belongs to none", () =>
    asSuperuser(async (client) => {
      await client.query("insert into iam.users (email, name) values ('nobody@example.test', 'Nobody')");
      expect(await logs(client, "users")).toMatchObject([{ tenant_id: tenantId, action: "create" }]);
    }, tenantId));

  test("is a tenant's own when it is of the tenant itself", async () => {
    await as("admin", async (client) => {
      await client.query(`update iam.tenants set settings = '{"theme": "dark"}'`);
      expect(await logs(client, "tenants")).toMatchObject([
        {
          tenant_id: tenantId,
          entity_id: tenantId,
          old_values: { settings: {} },
          new_values: { settings: { theme: "dark" } },
          actor_id: actorId,
        },
      ]);
    });
    const { rows } = await database.admin.query(
      "select tenant_id from audit.audit_logs where entity_type = 'tenants' order by id",
    );
    expect(rows).toEqual([{ tenant_id: tenantId }, { tenant_id: otherId }]);
  });
});
