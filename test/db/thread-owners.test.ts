import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

let database: TestDatabase;
let tenantId: string;
let ann: string;
let bob: string;

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await createTenant(database, "acme")).tenantId!;
  [ann, bob] = (await Promise.all(
    ["ann", "bob"].map(async (label) => {
      const { rows } = await database.admin.query<{ id: string }>(
        "insert into iam.actors (tenant_id, kind, label) values ($1, 'automation', $2) returning id",
        [tenantId, label],
      );
      return rows[0]!.id;
    }),
  )) as [string, string];
});

afterAll(() => database?.drop());

/** A conversation with a message of the contact, assigned to somebody or nobody. */
const newThread = (assignedTo: string | null) =>
  asTenant(
    database,
    { tenantId, actorId: bob },
    async (client) => {
      const contact = await insertInto(client, "crm.contacts", { first_name: "Zoe" });
      const thread = await insertInto(client, "inbox.inbox_threads", { contact_id: contact.id, channel: "email" });
      await insertInto(client, "inbox.inbox_messages", message(thread.id as string, "inbound"));
      await client.query("update inbox.inbox_threads set assigned_to = $2 where id = $1", [thread.id, assignedTo]);
      return thread.id as string;
    },
    { commit: true },
  );

const message = (threadId: string, direction: string) => ({
  thread_id: threadId,
  direction,
  channel: "email",
  body: "Hello",
});

const ways = (id: string): [string, unknown[]][] => [
  ["update inbox.inbox_threads set status = 'closed' where id = $1", [id]],
  ["update inbox.inbox_threads set priority = 'urgent' where id = $1", [id]],
  ["update inbox.inbox_threads set deleted_at = now() where id = $1", [id]],
  ["update inbox.inbox_messages set read_at = now() where thread_id = $1", [id]],
  [
    "insert into inbox.inbox_messages (thread_id, direction, channel, body) values ($1, 'outbound', 'email', 'Mine')",
    [id],
  ],
  ["select inbox.assign_thread($1, $2)", [id, ann]],
  ["select inbox.assign_thread($1, null)", [id]],
];

describe("a conversation that is assigned to somebody", () => {
  test("is not changed, closed, answered, marked, deleted, taken or put down by another member, who is told why", async () => {
    const id = await newThread(bob);
    for (const role of ["rowhouse_member", "rowhouse_member_scoped"])
      await asTenant(database, { tenantId, actorId: ann, role }, async (client) => {
        // The API tells the role of a key with scopes by its claim, as it does that of others.
        await client.query(
          "select set_config('jwt.claims.role', 'member', true), set_config('jwt.claims.scopes', 'inbox:write crm:write iam:read', true)",
        );
        for (const [sql, values] of ways(id))
          expect(await refusal(client, sql, values)).toMatchObject({
            code: "RH005",
            message: expect.stringContaining("assigned to somebody else"),
          });
        expect((await client.query("select from inbox.inbox_threads where id = $1", [id])).rowCount).toBe(1);
      });
  });

  test("takes what its contact writes from whoever brings it, and counts it", async () => {
    const id = await newThread(bob);
    await asTenant(database, { tenantId, actorId: ann, role: "rowhouse_member" }, async (client) => {
      const { thread_id, direction, channel, body } = message(id, "inbound");
      await client.query(
        "insert into inbox.inbox_messages (thread_id, direction, channel, body) values ($1, $2, $3, $4)",
        [thread_id, direction, channel, body],
      );
      const { rows } = await client.query("select message_count, unread_count from inbox.inbox_threads where id = $1", [
        id,
      ]);
      expect(rows).toEqual([{ message_count: "2", unread_count: "2" }]);
    });
  });

  test("is worked on by the one who has it, by managers, admins and the system", async () => {
    for (const [actorId, role] of [
      [bob, "rowhouse_member"],
      [ann, "rowhouse_manager"],
      [ann, "rowhouse_admin"],
      [ann, "rowhouse_system"],
    ] as const)
      for (const [sql, values] of ways(await newThread(bob)))
        await asTenant(database, { tenantId, actorId, role }, async (client) => {
          // The verb is not the system's.
          if (role === "rowhouse_system" && sql.includes("assign_thread")) return;
          expect({ role, sql, rowCount: (await client.query(sql, values)).rowCount }).toEqual({
            role,
            sql,
            rowCount: 1,
          });
        });
  });
});

test("a conversation of nobody is open to every member, who may take it", async () => {
  for (const [sql, values] of ways(await newThread(null)))
    await asTenant(database, { tenantId, actorId: ann, role: "rowhouse_member" }, async (client) => {
      expect((await client.query(sql, values)).rowCount).toBe(1);
    });
});
