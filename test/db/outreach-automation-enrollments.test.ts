import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";
import { enrollContact, insertSequence } from "../support/sequences.ts";
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
  insertInto(client, `outreach.${table}`, row);
const set = async (client: PoolClient, table: string, id: string, assignment: string) =>
  (await client.query(`update outreach.${table} set ${assignment} where id = $1 returning *`, [id])).rows[0];

describe("an enrollment", () => {
  test("takes the steps there are, and no other", () =>
    as("system", async (client) => {
      const { id } = await insertSequence(client, ["wait"]);
      const ends = ["replied", "bounced", "unsubscribed"];
      const steps = {
        active: ["paused", ...ends, "completed", "cancelled"],
        paused: ["active", ...ends, "cancelled"],
        replied: [],
        bounced: [],
        unsubscribed: [],
        completed: [],
        cancelled: [],
      };
      expect(await stepsTaken(client, "outreach.sequence_enrollments", steps, () => enrollContact(client, id))).toEqual(
        steps,
      );
      await client.query("savepoint birth");
      await expect(enrollContact(client, id, { status: "completed", ended_at: new Date() })).rejects.toMatchObject({
        code: "RH006",
      });
      await client.query("rollback to savepoint birth");
    }));

  test("is there once at a time for a sequence and a contact, and again after it ended", () =>
    as("member", async (client) => {
      const { id } = await insertSequence(client, ["wait"]);
      const other = await insertSequence(client, ["wait"], "Other");
      const first = await enrollContact(client, id);
      const again = "insert into outreach.sequence_enrollments (sequence_id, contact_id) values ($1, $2) returning *";
      const twice = { constraint: "sequence_enrollments_sequence_id_contact_id_key" };
      expect(await refusal(client, again, [id, first.contact_id])).toMatchObject(twice);
      await client.query(again, [other.id, first.contact_id]);
      expect(await set(client, "sequence_enrollments", first.id, "status = 'paused'")).toMatchObject({
        paused_at: expect.any(Date),
        ended_at: null,
      });
      expect(await refusal(client, again, [id, first.contact_id])).toMatchObject(twice);
      expect(await set(client, "sequence_enrollments", first.id, "status = 'replied'")).toMatchObject({
        paused_at: null,
        ended_at: expect.any(Date),
      });
      const { rows } = await client.query(again, [id, first.contact_id]);
      expect(rows[0]).toMatchObject({ status: "active", enrolled_by: actorId, current_step_id: null });
    }));

  test("is counted by one statement for three thousand of them, and refused by a sequence that takes nobody", () =>
    as("member", async (client) => {
      const { id } = await insertSequence(client, ["wait"]);
      // The checks of references were planned on tables without rows and statistics, for which any index seems as good.
      await client.query("discard plans");
      await client.query(
        `with c as (insert into crm.contacts (first_name) select 'Ann' from generate_series(1, 3000) returning id)
         insert into outreach.sequence_enrollments (sequence_id, contact_id) select $1, id from c`,
        [id],
      );
      const { rows } = await client.query("select enrollment_count::int as n from outreach.sequences");
      expect(rows[0].n).toBe(3_000);
      await set(client, "sequences", id, "status = 'archived'");
      await client.query("savepoint late");
      await expect(enrollContact(client, id)).rejects.toMatchObject({
        code: "RH006",
        column: "sequenceId",
        message: 'Sequence "Newcomers" is archived and takes nobody.',
      });
      await client.query("rollback to savepoint late");
    }));

  test("keeps to the steps of its sequence, in its executions and schedules, too", () =>
    as("system", async (client) => {
      const mine = await insertSequence(client, ["wait", "task"]);
      const other = await insertSequence(client, ["wait"], "Other");
      const { id } = await enrollContact(client, mine.id, { current_step_id: mine.steps[0] });
      const foreign = { code: "RH004", message: expect.stringContaining("The step is not one of") };
      const go = "update outreach.sequence_enrollments set current_step_id = $1";
      expect(await refusal(client, go, [other.steps[0]])).toMatchObject({ ...foreign, column: "currentStepId" });
      await client.query(go, [mine.steps[1]]);
      for (const table of ["sequence_step_executions", "sequence_schedules"]) {
        const isSchedule = table === "sequence_schedules";
        const add = `insert into outreach.${table} (sequence_enrollment_id, sequence_step_id${isSchedule ? ", scheduled_at" : ""})
          values ($1, $2${isSchedule ? ", now()" : ""})`;
        expect(await refusal(client, add, [id, other.steps[0]])).toMatchObject({
          ...foreign,
          column: "sequenceStepId",
        });
        await client.query(add, [id, mine.steps[0]]);
        const change = `update outreach.${table} set sequence_step_id = $1`;
        expect(await refusal(client, change, [other.steps[0]])).toMatchObject(foreign);
      }
    }));
});

describe("an execution", () => {
  test("takes the steps there are, notes when, and is there once for each try", () =>
    as("system", async (client) => {
      const sequence = await insertSequence(client, ["email"]);
      const enrollment = await enrollContact(client, sequence.id);
      let attempt_number = 0;
      const newExecution = () =>
        insert(client, "sequence_step_executions", {
          sequence_enrollment_id: enrollment.id,
          sequence_step_id: sequence.steps[0],
          attempt_number: ++attempt_number,
        });
      const steps = {
        pending: ["running", "skipped"],
        running: ["done", "failed", "skipped"],
        done: [],
        failed: [],
        skipped: [],
      };
      expect(await stepsTaken(client, "outreach.sequence_step_executions", steps, newExecution)).toEqual(steps);
      const { id } = await newExecution();
      expect(await set(client, "sequence_step_executions", id, "status = 'running'")).toMatchObject({
        started_at: expect.any(Date),
        completed_at: null,
      });
      expect(await set(client, "sequence_step_executions", id, "status = 'failed'")).toMatchObject({
        completed_at: expect.any(Date),
      });
      expect(await refusal(client, "update outreach.sequence_step_executions set completed_at = null")).toMatchObject({
        constraint: "sequence_step_executions_completed_at_check",
      });
      const twice = `insert into outreach.sequence_step_executions (sequence_enrollment_id, sequence_step_id, attempt_number)
        values ($1, $2, $3)`;
      expect(await refusal(client, twice, [enrollment.id, sequence.steps[0], attempt_number])).toMatchObject({
        constraint: "sequence_step_executions_step_attempt_key",
      });
      await become(client, "member");
      expect(await refusal(client, "update outreach.sequence_step_executions set opened_at = now()")).toMatchObject({
        code: "42501",
      });
    }));
});

describe("what is due", () => {
  test("is open once for an enrollment, and found by an index among three thousand that are not due", () =>
    as("system", async (client) => {
      const sequence = await insertSequence(client, ["wait", "task"]);
      await client.query("discard plans");
      await client.query(
        `with c as (insert into crm.contacts (first_name) select 'Ann' from generate_series(1, 3000) returning id),
         e as (insert into outreach.sequence_enrollments (sequence_id, contact_id) select $1, id from c returning id)
         insert into outreach.sequence_schedules (sequence_enrollment_id, sequence_step_id, scheduled_at)
         select id, $2, now() + (row_number() over () - 10) * interval '1 minute' from e`,
        [sequence.id, sequence.steps[0]],
      );
      const due = `select id from outreach.sequence_schedules
        where processed_at is null and scheduled_at <= now() order by scheduled_at limit 100`;
      const { rows: plan } = await client.query(`explain (format json) ${due}`);
      expect(JSON.stringify(plan)).toContain("sequence_schedules_scheduled_at_idx");
      const { rows } = await client.query<{ id: string }>(due);
      expect(rows).toHaveLength(10);
      const again = `insert into outreach.sequence_schedules (sequence_enrollment_id, sequence_step_id, scheduled_at)
        select sequence_enrollment_id, $2, now() from outreach.sequence_schedules where id = $1`;
      expect(await refusal(client, again, [rows[0]!.id, sequence.steps[1]])).toMatchObject({
        constraint: "sequence_schedules_sequence_enrollment_id_key",
      });
      await set(client, "sequence_schedules", rows[0]!.id, "processed_at = now()");
      await client.query(again, [rows[0]!.id, sequence.steps[1]]);
      expect((await client.query(due)).rowCount).toBe(10);
    }));
});
