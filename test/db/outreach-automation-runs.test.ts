import { afterAll, beforeAll, expect, test } from "@jest/globals";
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

async function runOf(client: PoolClient, versionId: string) {
  const contact = await insertInto(client, "crm.contacts", { first_name: "Ann" });
  return insert(client, "workflow_runs", { workflow_version_id: versionId, contact_id: contact.id });
}
async function versionOf(client: PoolClient) {
  const workflow = await insert(client, "workflows", { name: "Welcome" });
  const nodes = JSON.stringify([{ id: "start", type: "trigger" }]);
  const version = await insert(client, "workflow_versions", { workflow_id: workflow.id, nodes });
  await become(client, "manager");
  await client.query("select outreach.publish_workflow($1)", [workflow.id]);
  await become(client, "system");
  return { workflowId: workflow.id as string, versionId: version.id as string };
}

test("a run takes the steps there are, and no other", () =>
  as("system", async (client) => {
    const { versionId } = await versionOf(client);
    const steps = {
      running: ["waiting", "paused", "completed", "failed", "cancelled"],
      waiting: ["running", "paused", "failed", "cancelled"],
      paused: ["running", "waiting", "cancelled"],
      completed: [],
      failed: [],
      cancelled: [],
    };
    expect(await stepsTaken(client, "outreach.workflow_runs", steps, () => runOf(client, versionId))).toEqual(steps);
    const { id } = await runOf(client, versionId);
    expect(await set(client, "workflow_runs", id, "status = 'failed'")).toMatchObject({
      completed_at: expect.any(Date),
    });
  }));

test("a run stays on the version on which it began, whatever is published later", () =>
  as("system", async (client) => {
    const { workflowId, versionId } = await versionOf(client);
    const { id } = await runOf(client, versionId);
    await become(client, "manager");
    const { rows } = await client.query("select * from outreach.new_workflow_version($1)", [workflowId]);
    await client.query("select outreach.publish_workflow($1)", [workflowId]);
    await become(client, "system");
    const later = await runOf(client, rows[0].id);
    expect(
      await refusal(client, "update outreach.workflow_runs set workflow_version_id = $1", [rows[0].id]),
    ).toMatchObject({
      code: "RH006",
      column: "workflowVersionId",
      message: `Run ${id} stays on the version on which it began. Start another run for another version.`,
    });
    await become(client, "member");
    const all = "select array_agg(r.id order by r.id) as ids from outreach.workflows w, outreach.workflows_runs(w) r";
    expect((await client.query(all)).rows).toEqual([{ ids: [id, later.id] }]);
    expect(await refusal(client, "update outreach.workflow_runs set current_node_id = 'x'")).toMatchObject({
      code: "42501",
    });
    expect(await set(client, "workflow_runs", id, "status = 'cancelled'")).toMatchObject({ current_node_id: null });
  }));

test("a step of a run takes the steps there are, and notes when", () =>
  as("system", async (client) => {
    const { versionId } = await versionOf(client);
    const run = await runOf(client, versionId);
    const newStep = () =>
      insert(client, "workflow_run_steps", { workflow_run_id: run.id, node_id: "start", node_type: "trigger" });
    const steps = {
      pending: ["running", "skipped"],
      running: ["done", "failed", "skipped"],
      done: [],
      failed: [],
      skipped: [],
    };
    expect(await stepsTaken(client, "outreach.workflow_run_steps", steps, newStep)).toEqual(steps);
    const { id } = await newStep();
    expect(await set(client, "workflow_run_steps", id, "status = 'skipped'")).toMatchObject({
      started_at: null,
      completed_at: expect.any(Date),
    });
    const output = "update outreach.workflow_run_steps set output = '[]'";
    expect(await refusal(client, output)).toMatchObject({ constraint: "workflow_run_steps_output_check" });
  }));

test("a run waits for one time at a time", () =>
  as("system", async (client) => {
    const { versionId } = await versionOf(client);
    const row = { workflow_run_id: (await runOf(client, versionId)).id, node_id: "start", scheduled_at: new Date() };
    const { id } = await insert(client, "workflow_schedules", row);
    const again =
      "insert into outreach.workflow_schedules (workflow_run_id, node_id, scheduled_at) values ($1, $2, now())";
    expect(await refusal(client, again, [row.workflow_run_id, "start"])).toMatchObject({
      constraint: "workflow_schedules_workflow_run_id_key",
    });
    await set(client, "workflow_schedules", id, "processed_at = now()");
    await client.query(again, [row.workflow_run_id, "start"]);
  }));

test("a task takes the steps there are, can be opened again, and notes when it ended", () =>
  as("member", async (client) => {
    const newTask = () => insert(client, "tasks", { title: "Call back", kind: "call" });
    const steps = {
      open: ["in_progress", "done", "cancelled"],
      in_progress: ["open", "done", "cancelled"],
      done: ["open"],
      cancelled: ["open"],
    };
    expect(await stepsTaken(client, "outreach.tasks", steps, newTask)).toEqual(steps);
    const { id } = await newTask();
    expect(await set(client, "tasks", id, "status = 'done'")).toMatchObject({ completed_at: expect.any(Date) });
    expect(await set(client, "tasks", id, "status = 'open'")).toMatchObject({ completed_at: null });
    const nameless = "insert into outreach.tasks (title) values (' ')";
    expect(await refusal(client, nameless)).toMatchObject({ constraint: "tasks_title_check" });
    for (const column of ["message_id", "completed_at"])
      expect(await refusal(client, `update outreach.tasks set ${column} = null`)).toMatchObject({ code: "42501" });
  }));

test("a task stays when what it was about ends, and goes with its contact", () =>
  as("system", async (client) => {
    const sequence = await insertSequence(client, ["call"]);
    const enrollment = await enrollContact(client, sequence.id);
    const about = { sequence_enrollment_id: enrollment.id, sequence_step_id: sequence.steps[0] };
    const { id } = await insert(client, "tasks", { title: "Call", contact_id: enrollment.contact_id, ...about });
    await client.query("delete from outreach.sequences where id = $1", [sequence.id]);
    const { rows } = await client.query("select * from outreach.tasks where id = $1", [id]);
    expect(rows).toMatchObject([{ sequence_enrollment_id: null, sequence_step_id: null }]);
    await client.query("delete from crm.contacts where id = $1", [enrollment.contact_id]);
    expect((await client.query("select from outreach.tasks")).rowCount).toBe(0);
  }));
