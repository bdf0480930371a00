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

let serial = 0;
/** An experiment on an e-mail of a sequence, with variants that are written by prompts. */
async function experimentOf(client: PoolClient, names = ["A", "B"], stepId?: string) {
  const sequence = stepId ? undefined : await insertSequence(client, ["email", "wait"], `Sequence ${++serial}`);
  const step = { sequence_step_id: stepId ?? sequence!.steps[0] };
  const { id } = await insert(client, "step_experiments", { name: "Which greeting", ...step });
  const prompt = await insert(client, "prompts", { name: `Prompt ${++serial}`, user_text: "Write." });
  const variants: string[] = [];
  for (const name of names) {
    const variant = { step_experiment_id: id, name, prompt_id: prompt.id };
    variants.push((await insert(client, "step_experiment_variants", variant)).id);
  }
  return { id: id as string, sequence: sequence!, stepId: step.sequence_step_id!, variants, promptId: prompt.id };
}
const move = async (client: PoolClient, id: string, status: string) =>
  (await client.query("update outreach.step_experiments set status = $2 where id = $1 returning *", [id, status]))
    .rows[0];

test("an experiment takes the steps there are, and no other", () =>
  as("system", async (client) => {
    const steps = {
      draft: ["running"],
      running: ["stopped", "decided"],
      stopped: ["running", "decided"],
      decided: [],
    };
    const withWinner = async () => {
      const experiment = await experimentOf(client);
      const { id } = experiment;
      await client.query("update outreach.step_experiment_variants set is_winner = true where id = $1", [
        experiment.variants[0],
      ]);
      return { id };
    };
    expect(await stepsTaken(client, "outreach.step_experiments", steps, withWinner)).toEqual(steps);
  }));

test("an experiment begins with at least two variants that have a weight and something to say, one at a time for a step", () =>
  as("member", async (client) => {
    const { id, stepId, variants } = await experimentOf(client, ["A"]);
    const start = "update outreach.step_experiments set status = 'running' where id = $1";
    const few =
      'Experiment "Which greeting" has 1 of at least two variants with a weight. Add what there is to compare.';
    expect(await refusal(client, start, [id])).toMatchObject({ code: "RH006", column: "status", message: few });
    const b = await insert(client, "step_experiment_variants", { step_experiment_id: id, name: "B", weight: 0 });
    expect(await refusal(client, start, [id])).toMatchObject({ message: few });
    await client.query("update outreach.step_experiment_variants set weight = 3 where id = $1", [b.id]);
    expect(await refusal(client, start, [id])).toMatchObject({
      code: "RH006",
      message: 'Variant "B" of experiment "Which greeting" has neither template nor prompt. Give it one.',
    });
    const say = `update outreach.step_experiment_variants v set prompt_id = w.prompt_id
      from outreach.step_experiment_variants w where v.id = $1 and w.id = $2`;
    await client.query(say, [b.id, variants[0]]);
    expect(await move(client, id, "running")).toMatchObject({ started_at: expect.any(Date), ended_at: null });
    const second = await experimentOf(client, ["A", "B"], stepId);
    expect(await refusal(client, start, [second.id])).toMatchObject({
      constraint: "step_experiments_sequence_step_id_key",
    });
    expect(await move(client, id, "stopped")).toMatchObject({ ended_at: expect.any(Date) });
    await client.query(start, [second.id]);
  }));

test("variants stay what they are once their experiment began; their weights may change", () =>
  as("member", async (client) => {
    const { id, variants, promptId } = await experimentOf(client);
    const sms = await insert(client, "templates", { name: "Text", channel: "sms" });
    const mail = await insert(client, "templates", { name: "Mail", channel: "email" });
    const change = (assignment: string) =>
      `update outreach.step_experiment_variants set ${assignment} where id = '${variants[0]}'`;
    expect(await refusal(client, change(`template_id = '${mail.id}'`))).toMatchObject({
      constraint: "step_experiment_variants_prompt_id_check",
    });
    expect(await refusal(client, change(`prompt_id = null, template_id = '${sms.id}'`))).toMatchObject({
      code: "RH004",
      message: 'Template "Text" is for sms, and the step is of type email.',
    });
    await client.query(change(`prompt_id = null, template_id = '${mail.id}'`));
    await move(client, id, "running");
    const refused = {
      code: "RH006",
      message:
        'Experiment "Which greeting" is running: its variants stay what they are. Compare something else by another experiment.',
    };
    expect(await refusal(client, change(`template_id = null, prompt_id = '${promptId}'`))).toMatchObject(refused);
    expect(await refusal(client, change("deleted_at = now()"))).toMatchObject(refused);
    const add = "insert into outreach.step_experiment_variants (step_experiment_id, name) values ($1, 'C')";
    expect(await refusal(client, add, [id])).toMatchObject(refused);
    await client.query(change("weight = 9, name = 'Long'"));
    expect(await refusal(client, change("is_winner = true"))).toMatchObject({ code: "42501" });
  }));

test("a winner is chosen once, by managers, after the experiment began", () =>
  as("manager", async (client) => {
    const { id, variants } = await experimentOf(client);
    const choose = "select * from outreach.choose_experiment_winner($1)";
    expect(await refusal(client, choose, [variants[1]])).toMatchObject({
      code: "RH006",
      message: 'Experiment "Which greeting" has not begun: there is nothing to decide yet.',
    });
    await move(client, id, "running");
    expect(await refusal(client, "update outreach.step_experiments set status = 'decided'")).toMatchObject({
      code: "RH006",
      message: expect.stringContaining("Say which by chooseExperimentWinner."),
    });
    await become(client, "member");
    expect(await refusal(client, choose, [variants[1]])).toMatchObject({ code: "42501" });
    await become(client, "manager");
    expect((await client.query(choose, [variants[1]])).rows).toMatchObject([
      { id, status: "decided", ended_at: expect.any(Date) },
    ]);
    const { rows } = await client.query("select id from outreach.step_experiment_variants where is_winner");
    expect(rows).toEqual([{ id: variants[1] }]);
    expect(await refusal(client, choose, [variants[0]])).toMatchObject({
      message: 'Experiment "Which greeting" has its winner already.',
    });
    expect(await refusal(client, choose, [id])).toMatchObject({ code: "RH002", column: "stepExperimentVariantId" });
    await become(client, "system");
    expect(await refusal(client, "update outreach.step_experiment_variants set is_winner = true")).toMatchObject({
      constraint: "step_experiment_variants_is_winner_key",
    });
  }));

test("a variant once given stays with the enrolled contact, and is of an experiment on their sequence", () =>
  as("system", async (client) => {
    const { id, sequence, variants } = await experimentOf(client);
    const other = await experimentOf(client);
    const enrollment = await enrollContact(client, sequence.id);
    // Whatever experiment is named, it is the variant's.
    const give = `insert into outreach.enrollment_variant_assignments
      (sequence_enrollment_id, step_experiment_id, step_experiment_variant_id) values ($1, $2, $3) returning *`;
    expect((await client.query(give, [enrollment.id, other.id, variants[0]])).rows).toMatchObject([
      { step_experiment_id: id },
    ]);
    expect(await refusal(client, give, [enrollment.id, id, variants[1]])).toMatchObject({
      constraint: "enrollment_variant_assignments_enrollment_experiment_key",
    });
    expect(await refusal(client, give, [enrollment.id, other.id, other.variants[0]])).toMatchObject({
      code: "RH004",
      column: "stepExperimentVariantId",
    });
    for (const role of ["admin", "system"]) {
      await become(client, role);
      for (const sql of ["update @ set step_experiment_variant_id = id", "delete from @"])
        expect(await refusal(client, sql.replace("@", "outreach.enrollment_variant_assignments"))).toMatchObject({
          code: "42501",
        });
    }
    await client.query("delete from outreach.sequences where id = $1", [sequence.id]);
    expect((await client.query("select from outreach.enrollment_variant_assignments")).rowCount).toBe(0);
  }));
