import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

interface Person {
  readonly userId: string;
  readonly actorId: string;
}

const TOMORROW = new Date(Date.now() + 86_400_000);
const HASH = createHash("sha256").update("rh_secret").digest("hex");

let database: TestDatabase;
let tenantId: string;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId } = (await createTenant(database, "acme")) as { tenantId: string });
  [ann, bob] = [await createPerson("ann"), await createPerson("bob")];
});

afterAll(async () => {
  await database?.drop();
});

async function createPerson(name: string): Promise<Person> {
  const hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA";
  await database.admin.query("select private.create_user($1, $2, $3, 'member', $4)", [
    tenantId,
    `${name}@acme.test`,
    name,
    hash,
  ]);
  const { rows } = await database.admin.query<Person>(
    `select user_id as "userId", actor_id as "actorId" from private.find_tenant_actors('acme') where user_email = $1`,
    [`${name}@acme.test`],
  );
  return rows[0]!;
}

/** Works as the system, on behalf of a person; rolls back. */
const asSystem = (work: (client: PoolClient) => Promise<void>, person = ann) =>
  asTenant(database, { tenantId, ...person }, work);

/** Goes on as a role and a person. */
async function become(client: PoolClient, role: string, person: Person): Promise<void> {
  await client.query(
    "select set_config('role', $1, true), set_config('jwt.claims.sub', $2, true), set_config('jwt.claims.actor_id', $3, true)",
    [`rowhouse_${role}`, person.userId, person.actorId],
  );
}

const insertKey = (client: PoolClient, row: Record<string, unknown> = {}) =>
  insertInto(client, "iam.api_keys", { name: "Importer", prefix: "rh_a1b2c3d4", ...row });

const insertSession = (client: PoolClient, person: Person) =>
  insertInto(client, "iam.sessions", { user_id: person.userId, expires_at: TOMORROW, ip_address: "192.0.2.1" });

const names = async (client: PoolClient, sql: string) =>
  (await client.query<{ name: string }>(sql)).rows.map(({ name }) => name);

describe("an API key", () => {
  test("acts under an actor of its own, which follows its name", () =>
    asSystem(async (client) => {
      const { id, actor_id, created_by } = await insertKey(client, { scopes: ["lists:read"] });
      expect(created_by).toBe(ann.actorId);
      await client.query("update iam.api_keys set name = 'Exporter' where id = $1", [id]);
      const { rows } = await client.query("select kind, label from iam.actors where id = $1", [actor_id]);
      expect(rows).toEqual([{ kind: "api_key", label: "Exporter" }]);
    }));

  test.each([
    ["the role of an owner", { role: "owner" }, "api_keys_role_check"],
    ["a scope that is empty", { scopes: [""] }, "api_keys_scopes_check"],
    ["a network that is null", { allowed_networks: [null] }, "api_keys_allowed_networks_check"],
    ["an end before its beginning", { expires_at: new Date(0) }, "api_keys_expires_at_check"],
    ["a prefix that is not one of ours", { prefix: "sk_live" }, "api_keys_prefix_check"],
  ])("does not have %s", (_case, row, constraint) =>
    asSystem(async (client) => {
      await expect(insertKey(client, row)).rejects.toMatchObject({ code: "23514", constraint });
    }),
  );

  test("is limited to networks, written as such", () =>
    asSystem(async (client) => {
      const { id } = await insertKey(client, { allowed_networks: ["192.0.2.0/24", "2001:db8::/32"] });
      const sql = "select from iam.api_keys where id = $1 and $2::inet <<= any (allowed_networks)";
      expect((await client.query(sql, [id, "192.0.2.77"])).rowCount).toBe(1);
      expect((await client.query(sql, [id, "192.0.3.77"])).rowCount).toBe(0);
    }));

  test("that was revoked stays revoked", () =>
    asSystem(async (client) => {
      const { id } = await insertKey(client);
      await client.query("update iam.api_keys set revoked_at = now(), revoked_by = $2 where id = $1", [
        id,
        ann.actorId,
      ]);
      const back = "update iam.api_keys set revoked_at = null, revoked_by = null where id = $1";
      expect(await refusal(client, back, [id])).toMatchObject({
        code: "RH006",
        message: expect.stringMatching(
          /^Row .* of api keys was revoked at .* UTC and stays revoked\. Make a new one\.$/,
        ),
      });
    }));

  test("is seen by who made it, by itself and by admins", () =>
    asSystem(async (client) => {
      const key = await insertKey(client);
      const keys = "select name from iam.api_keys";
      for (const [role, person, seen] of [
        ["viewer", ann, ["Importer"]],
        ["manager", bob, []],
        ["viewer", { userId: bob.userId, actorId: key.actor_id }, ["Importer"]],
        ["admin", bob, ["Importer"]],
      ] as const) {
        await become(client, role, person);
        expect({ role, person, seen: await names(client, keys) }).toEqual({ role, person, seen });
      }
    }));
});

describe("a session", () => {
  test("is seen by its user and by admins", () =>
    asSystem(async (client) => {
      await insertSession(client, ann);
      await insertSession(client, bob);
      const users = "select u.name from iam.sessions s join iam.users u on u.id = s.user_id order by 1";
      for (const [role, person, seen] of [
        ["viewer", ann, ["ann"]],
        ["manager", bob, ["bob"]],
        ["admin", bob, ["ann", "bob"]],
      ] as const) {
        await become(client, role, person);
        expect({ role, seen: await names(client, users) }).toEqual({ role, seen });
      }
    }));

  test("ends for a reason, and for good", () =>
    asSystem(async (client) => {
      const { id } = await insertSession(client, ann);
      expect(await refusal(client, "update iam.sessions set revoked_at = now() where id = $1", [id])).toMatchObject({
        constraint: "sessions_revoked_reason_check",
      });
      await client.query("update iam.sessions set revoked_at = now(), revoked_reason = 'logout' where id = $1", [id]);
      const back = "update iam.sessions set revoked_at = null, revoked_reason = null where id = $1";
      expect(await refusal(client, back, [id])).toMatchObject({ code: "RH006" });
    }));
});

describe("an invitation", () => {
  const invite = (client: PoolClient, email = "guest@example.test") =>
    insertInto(client, "iam.invitations", { email, role: "manager" });

  test("is open once for each address, until it is accepted or revoked", () =>
    asSystem(async (client) => {
      const first = await invite(client);
      expect(first.expires_at.getTime() - first.created_at.getTime()).toBe(7 * 86_400_000);
      const again = "insert into iam.invitations (email) values ('guest@example.test')";
      expect(await refusal(client, again)).toMatchObject({ code: "23505", constraint: "invitations_email_key" });
      await client.query("update iam.invitations set revoked_at = now() where id = $1", [first.id]);
      const second = await invite(client);
      await client.query("update iam.invitations set accepted_at = now(), accepted_by = $2 where id = $1", [
        second.id,
        bob.actorId,
      ]);
      await invite(client);
    }));

  test("is accepted or revoked, not both, and then stays so", () =>
    asSystem(async (client) => {
      const { id } = await invite(client);
      const both = "update iam.invitations set accepted_at = now(), revoked_at = now() where id = $1";
      expect(await refusal(client, both, [id])).toMatchObject({ constraint: "invitations_accepted_at_check" });
      await client.query("update iam.invitations set accepted_at = now() where id = $1", [id]);
      expect(
        await refusal(client, "update iam.invitations set accepted_at = null, revoked_at = now() where id = $1", [id]),
      ).toMatchObject({ code: "RH006", message: expect.stringContaining("guest@example.test was accepted already") });
    }));

  test("is written to a lower-case address, and only admins see it", () =>
    asSystem(async (client) => {
      const upper = "insert into iam.invitations (email) values ('Guest@example.test')";
      expect(await refusal(client, upper)).toMatchObject({ constraint: "invitations_email_check" });
      await become(client, "manager", ann);
      expect(await refusal(client, "select from iam.invitations")).toMatchObject({ code: "42501" });
    }));
});

describe("secrets", () => {
  const TABLES = ["api_key_hashes", "session_tokens", "invitation_tokens"];

  test("are read by no role of a request or job", () =>
    asSystem(async (client) => {
      for (const role of ["viewer", "admin", "system", "identity", "anonymous"]) {
        await become(client, role, ann);
        for (const table of TABLES)
          expect(await refusal(client, `select from private.${table}`)).toMatchObject({ code: "42501" });
      }
    }));

  test("are SHA-256, each once in the whole house, and go with what they belong to", async () => {
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
      const key = await insertKey(client, { tenant_id: tenantId });
      const other = await insertKey(client, { tenant_id: tenantId, prefix: "rh_e5f6a7b8" });
      const hash = "insert into private.api_key_hashes (tenant_id, api_key_id, key_hash) values ($1, $2, $3)";
      await client.query(hash, [tenantId, key.id, HASH]);
      expect(await refusal(client, hash, [tenantId, other.id, HASH])).toMatchObject({
        constraint: "api_key_hashes_key_hash_key",
      });
      expect(await refusal(client, hash, [tenantId, other.id, "rh_secret"])).toMatchObject({
        constraint: "api_key_hashes_key_hash_check",
      });
      await client.query("delete from iam.api_keys where id = $1", [key.id]);
      expect((await client.query("select from private.api_key_hashes")).rowCount).toBe(0);
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  test("of a session are exchanged one after the other: one of them is unused", async () => {
    const client = await database.admin.connect();
    try {
      await client.query("begin");
      await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
      const { id } = await insertSession(client, ann);
      const token = `insert into private.session_tokens (tenant_id, session_id, token_hash, expires_at)
        values ($1, $2, $3, $4)`;
      await client.query(token, [tenantId, id, HASH, TOMORROW]);
      const next = HASH.replace(/^./, "0");
      expect(await refusal(client, token, [tenantId, id, next, TOMORROW])).toMatchObject({
        constraint: "session_tokens_unused_key",
      });
      await client.query("update private.session_tokens set used_at = now()");
      await client.query(token, [tenantId, id, next, TOMORROW]);
    } finally {
      await client.query("rollback");
      client.release();
    }
  });

  test("no request writes keys, sessions or invitations", () =>
    asSystem(async (client) => {
      await become(client, "admin", ann);
      for (const table of ["api_keys", "sessions", "invitations"])
        for (const sql of [`insert into iam.${table} default values`, `update iam.${table} set revoked_at = now()`])
          expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
    }));
});
