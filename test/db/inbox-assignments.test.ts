import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { hashPassword } from "../../lib/password.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let actorId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, actorId } = (await createTenant(database, "acme")) as { tenantId: string; actorId: string });
});

afterAll(async () => {
  await database?.drop();
});

/** Works as a role of the tenant, and rolls back unless told to commit. */
const as = <T>(role: string, work: (client: PoolClient) => Promise<T>, options?: { commit: boolean }) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work, options);
const commit = { commit: true };

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `inbox.${table}`, row);

async function threadOf(client: PoolClient) {
  const contact = await insertInto(client, "crm.contacts", { first_name: "Anna" });
  return insert(client, "inbox_threads", { contact_id: contact.id, channel: "email" });
}

const change = (client: PoolClient, id: string, set: string) =>
  client.query(`update inbox.inbox_threads set ${set} where id = $1`, [id]);

/** The actor of a member of the tenant, who is made when there is none of this name. */
async function memberActor(name: string): Promise<string> {
  const email = `${name}@example.com`;
  const actor = `select a.id from iam.actors a join iam.memberships m on m.id = a.membership_id
    join iam.users u on u.id = m.user_id where u.email = $1`;
  const { rowCount } = await database.admin.query(actor, [email]);
  if (!rowCount)
    await database.admin.query("select private.create_user($1, $2, $3, 'member', $4)", [
      tenantId,
      email,
      name,
      await hashPassword(name),
    ]);
  return (await database.admin.query(actor, [email])).rows[0].id;
}

describe("assigning a conversation", () => {
  const assign = async (client: PoolClient, ...args: unknown[]) =>
    (
      await client.query(
        `select * from inbox.assign_thread(${args.map((_, n) => `$${n + 1}${n < 2 ? "::uuid" : ""}`).join(", ")})`,
        args,
      )
    ).rows[0];
  const assignments = async (client: PoolClient, id: string) =>
    (
      await client.query(
        `select assigned_to, assigned_by, note, unassigned_at is null as "isCurrent" from inbox.inbox_assignments
         where thread_id = $1 order by assigned_at`,
        [id],
      )
    ).rows;

  test("gives it to somebody, then to another, then to nobody, and remembers who had it", async () => {
    const ben = await memberActor("ben");
    await as("manager", async (client) => {
      const { id } = await threadOf(client);
      expect(await assign(client, id, actorId)).toMatchObject({ id, assigned_to: actorId });
      expect(await assign(client, id, ben, "Knows her")).toMatchObject({ assigned_to: ben });
      const past = { assigned_to: actorId, assigned_by: actorId, note: null, isCurrent: false };
      const bens = { assigned_to: ben, assigned_by: actorId, note: "Knows her", isCurrent: true };
      expect(await assignments(client, id)).toEqual([past, bens]);
      await assign(client, id, ben);
      expect(await assignments(client, id)).toEqual([past, bens]);
      expect(await assign(client, id)).toMatchObject({ assigned_to: null });
      expect(await assignments(client, id)).toEqual([past, { ...bens, isCurrent: false }]);
    });
  });

  test("refuses a conversation and an actor that are not there, and a member who has left", async () => {
    const carl = await memberActor("carl");
    const stranger = (await createTenant(database, "globex")).actorId;
    await database.admin.query(
      "update iam.memberships set deleted_at = now() where id = (select membership_id from iam.actors where id = $1)",
      [carl],
    );
    await as("member", async (client) => {
      const { id } = await threadOf(client);
      const ask = "select inbox.assign_thread($1, $2)";
      for (const actor of [carl, stranger, id])
        expect(await refusal(client, ask, [id, actor])).toMatchObject({
          code: "RH002",
          message: `There is no actor ${actor} who could answer.`,
        });
      expect(await refusal(client, ask, [actorId, actorId])).toMatchObject({
        code: "RH002",
        message: `There is no conversation ${actorId}.`,
      });
    });
    await as("system", async (client) => {
      const { id } = await threadOf(client);
      await change(client, id, "deleted_at = now()");
      await client.query("set local role rowhouse_member");
      expect(await refusal(client, "select inbox.assign_thread($1, $2)", [id, actorId])).toMatchObject({
        code: "RH002",
      });
    });
  });

  test("is not left to those who only look on", () =>
    as("viewer", async (client) => {
      expect(await refusal(client, "select inbox.assign_thread(uuidv7(), null)")).toMatchObject({ code: "42501" });
    }));

  test("by two at once leaves one current assignment, the later one's", async () => {
    const ben = await memberActor("ben");
    const { id } = await as("member", threadOf, commit);
    // This transaction began first, and so its time is before the one that it ends.
    await as(
      "manager",
      async (client) => {
        await client.query("select now()");
        await as("member", (other) => assign(other, id, ben), commit);
        expect(await assign(client, id, actorId)).toMatchObject({ assigned_to: actorId });
      },
      commit,
    );
    const all = await as("member", (client) => assignments(client, id));
    expect(all.map(({ assigned_to, isCurrent }) => [assigned_to, isCurrent])).toEqual([
      [ben, false],
      [actorId, true],
    ]);
  });

  test("leaves one current assignment, whoever writes it", () =>
    as("system", async (client) => {
      const { id } = await threadOf(client);
      await insert(client, "inbox_assignments", { thread_id: id, assigned_to: actorId });
      const again = "insert into inbox.inbox_assignments (thread_id, assigned_to) values ($1, $2)";
      expect(await refusal(client, again, [id, actorId])).toMatchObject({
        constraint: "inbox_assignments_thread_id_key",
      });
      await client.query("update inbox.inbox_assignments set unassigned_at = now() where thread_id = $1", [id]);
      await client.query(again, [id, actorId]);
    }));
});
