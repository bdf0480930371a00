import { afterAll, beforeAll, expect, test } from "@jest/globals";
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

const newTask = (createdBy: string, assignedTo: string | null) =>
  asTenant(
    database,
    { tenantId, actorId: createdBy },
    async (client) =>
      (await insertInto(client, "outreach.tasks", { title: "Call", assigned_to: assignedTo })).id as string,
    { commit: true },
  );

const change = "update outreach.tasks set title = 'Write' where id = $1";

test("a member changes the tasks they made, those assigned to them, and those of nobody", async () => {
  for (const id of [await newTask(bob, ann), await newTask(ann, bob), await newTask(bob, null)]) {
    await asTenant(database, { tenantId, actorId: ann, role: "rowhouse_member" }, async (client) => {
      expect((await client.query(change, [id])).rowCount).toBe(1);
    });
  }
});

test("a member neither changes, closes, takes nor deletes another's task, and is told why", async () => {
  const id = await newTask(bob, bob);
  await asTenant(database, { tenantId, actorId: ann, role: "rowhouse_member" }, async (client) => {
    for (const set of ["title = 'Write'", "status = 'done'", `assigned_to = '${ann}'`, "deleted_at = now()"]) {
      expect(await refusal(client, `update outreach.tasks set ${set} where id = $1`, [id])).toMatchObject({
        code: "RH005",
        message: expect.stringContaining("somebody else's"),
      });
    }
    expect((await client.query("select from outreach.tasks where id = $1", [id])).rowCount).toBe(1);
  });
});

test("a manager, an admin and the system change everybody's", async () => {
  const id = await newTask(bob, bob);
  for (const role of ["rowhouse_manager", "rowhouse_admin", "rowhouse_system"]) {
    await asTenant(database, { tenantId, actorId: ann, role }, async (client) => {
      expect((await client.query(change, [id])).rowCount).toBe(1);
    });
  }
});
