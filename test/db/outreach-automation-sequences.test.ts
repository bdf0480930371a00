import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";
import { insertSequence } from "../support/sequences.ts";
import { stepsTaken } from "../support/steps-taken.ts";

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

/** Works as a role of the tenant, and rolls back. */
const as = (role: string, work: (client: PoolClient) => Promise<void>) =>
  asTenant(database, { tenantId, actorId, role: `rowhouse_${role}` }, work);
const become = (client: PoolClient, role: string) => client.query(`reset role; set local role rowhouse_${role}`);
const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, table.includes(".") ? table : `outreach.${table}`, row);

describe("a sequence", () => {
  test("takes the steps there are, and no other", () =>
    as("system", async (client) => {
      const steps = {
        draft: ["active", "archived"],
        active: ["paused", "archived"],
        paused: ["active", "archived"],
        archived: ["paused"],
      };
      expect(await stepsTaken(client, "outreach.sequences", steps, () => insertSequence(client, ["wait"]))).toEqual(
        steps,
      );
      const born = "insert into outreach.sequences (name, status) values ('Born active', 'active')";
      expect(await refusal(client, born)).toMatchObject({ code: "RH006" });
    }));

  test("begins to run when it has steps, and those that send have something published to send", () =>
    as("system", async (client) => {
      const { id } = await insertSequence(client, []);
      const start = "update outreach.sequences set status = 'active'";
      const refused = (message: string) => ({ code: "RH006", column: "status", message });
      expect(await refusal(client, start)).toMatchObject(refused('Sequence "Newcomers" has no steps. Add one first.'));
      const step = await insert(client, "sequence_steps", { sequence_id: id, step_number: 1, type: "sms" });
      expect(await refusal(client, start)).toMatchObject(
        refused('Step 1 of sequence "Newcomers" has nothing to send. Give it a template or a prompt.'),
      );
      const template = await insert(client, "templates", { name: "Hello", channel: "sms" });
      await client.query("update outreach.sequence_steps set template_id = $1", [template.id]);
      expect(await refusal(client, start)).toMatchObject(
        refused('Template "Hello" of step 1 was never published. Publish it first.'),
      );
      await insert(client, "template_versions", { template_id: template.id, body: "Hello" });
      await become(client, "manager");
      await client.query("select outreach.publish_template($1)", [template.id]);
      await become(client, "system");
      await client.query("update outreach.templates set deleted_at = now()");
      expect(await refusal(client, start)).toMatchObject({
        message: expect.stringContaining('"Hello" of step 1 is deleted'),
      });
      await client.query("update outreach.templates set deleted_at = null");
      await client.query(start);
      await client.query("update outreach.sequences set status = 'paused'");
      const prompt = await insert(client, "prompts", { name: "Write", user_text: "Write." });
      await client.query("update outreach.sequence_steps set template_id = null, prompt_id = $1 where id = $2", [
        prompt.id,
        step.id,
      ]);
      await client.query(start);
      expect(await refusal(client, "update outreach.sequences set deleted_at = now()")).toMatchObject({
        code: "RH006",
        message: 'Sequence "Newcomers" is active. Pause or archive it before you delete it.',
      });
      const again = "insert into outreach.sequences (name) values ('Newcomers')";
      expect(await refusal(client, again)).toMatchObject({ constraint: "sequences_name_key" });
      await client.query("update outreach.sequences set status = 'archived', deleted_at = now()");
      await client.query(again);
      expect(await refusal(client, "update outreach.sequences set deleted_at = null")).toMatchObject({
        constraint: "sequences_name_key",
      });
    }));
});

describe("the steps of a sequence", () => {
  test("have templates of their channel, or prompts, and never both", () =>
    as("member", async (client) => {
      const { id } = await insertSequence(client, []);
      const templates: Record<string, { id: string }> = {};
      for (const channel of ["email", "sms", "phone"])
        templates[channel] = await insert(client, "templates", { name: channel, channel });
      const prompt = await insert(client, "prompts", { name: "Write", user_text: "Write." });
      const add = `insert into outreach.sequence_steps (sequence_id, step_number, type, template_id, prompt_id)
        values ('${id}', $1, $2, $3, $4)`;
      expect(await refusal(client, add, [1, "sms", templates.email!.id, null])).toMatchObject({
        code: "RH004",
        column: "templateId",
        message: 'Template "email" is for email, and step 1 is of type sms.',
      });
      await client.query(add, [1, "email", templates.email!.id, null]);
      await client.query(add, [2, "call", templates.phone!.id, null]);
      await client.query(add, [3, "task", templates.sms!.id, null]);
      await client.query(add, [4, "linkedin", null, prompt.id]);
      expect(
        await refusal(client, "update outreach.sequence_steps set template_id = $1 where step_number = 1", [
          templates.sms!.id,
        ]),
      ).toMatchObject({ code: "RH004" });
      expect(await refusal(client, add, [5, "email", templates.email!.id, prompt.id])).toMatchObject({
        constraint: "sequence_steps_prompt_id_check",
      });
      expect(await refusal(client, add, [5, "wait", null, prompt.id])).toMatchObject({
        constraint: "sequence_steps_type_check",
      });
      for (const number of [0, 10_001])
        expect(await refusal(client, add, [number, "task", null, null])).toMatchObject({
          constraint: "sequence_steps_step_number_check",
        });
      expect(await refusal(client, "update outreach.sequence_steps set delay_days = -1")).toMatchObject({
        constraint: "sequence_steps_delay_days_check",
      });
    }));

  test("have each number once among the living, and are put into a new order all at once", () =>
    as("member", async (client) => {
      const { id, steps } = await insertSequence(client, ["email", "wait", "call", "task"]);
      const other = await insertSequence(client, ["email"], "Other");
      const order = async () => {
        const living =
          "select id, step_number as n from outreach.sequence_steps where sequence_id = $1 and deleted_at is null";
        const { rows } = await client.query<{ id: string; n: number }>(`${living} order by step_number`, [id]);
        return rows.map((row) => [row.n, steps.indexOf(row.id)]);
      };
      const ids = (places: number[]) => places.map((i) => steps[i]!);
      const reorder = "select * from outreach.reorder_sequence_steps($1, $2)";
      const add = `insert into outreach.sequence_steps (sequence_id, step_number, type) values ('${id}', $1, 'task') returning id`;
      const taken = { constraint: "sequence_steps_step_number_key" };
      expect(await refusal(client, add, [4])).toMatchObject(taken);
      expect(await refusal(client, "update outreach.sequence_steps set step_number = 9")).toMatchObject({
        code: "42501",
      });
      await client.query(reorder, [id, ids([3, 1, 0, 2])]);
      expect(await order()).toEqual([
        [1, 3],
        [2, 1],
        [3, 0],
        [4, 2],
      ]);

      await client.query("update outreach.sequence_steps set deleted_at = now() where id = $1", [steps[1]]);
      for (const wrong of [ids([3, 1, 0, 2]), ids([3, 0]), ids([3, 3, 0]), [...ids([3, 0]), other.steps[0]], []])
        expect(await refusal(client, reorder, [id, wrong])).toMatchObject({
          code: "RH004",
          column: "stepIds",
          message: "Name each of the 3 living steps of the sequence once, in the order they shall have.",
        });
      // The greatest number of all is in use, and there is a gap.
      const { rows } = await client.query<{ id: string }>(add, [10_000]);
      await client.query(reorder, [id, [rows[0]!.id, ...ids([0, 2, 3])]]);
      expect(await order()).toEqual([
        [1, -1],
        [2, 0],
        [3, 2],
        [4, 3],
      ]);
      const restore = "update outreach.sequence_steps set deleted_at = null where id = $1";
      expect(await refusal(client, restore, [steps[1]])).toMatchObject(taken);
      expect(await refusal(client, reorder, [tenantId, []])).toMatchObject({ code: "RH002", column: "sequenceId" });
    }));
});
