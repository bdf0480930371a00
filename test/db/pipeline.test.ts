import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

const STEPS = JSON.stringify([{ name: "check_email", type: "email", config: {} }]);

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

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `pipeline.${table}`, row);

async function publishedBlueprint(client: PoolClient, name = "Enrich") {
  const blueprint = await insert(client, "blueprints", { name });
  const version = await insert(client, "blueprint_versions", { blueprint_id: blueprint.id, steps: STEPS });
  await client.query("select pipeline.publish_blueprint($1)", [blueprint.id]);
  return { blueprint, version };
}

describe("a blueprint", () => {
  test("has versions that count from one, with one draft at a time", () =>
    as("manager", async (client) => {
      const { blueprint, version } = await publishedBlueprint(client);
      expect(version).toMatchObject({ version: 1, status: "draft", created_by: actorId });
      const second = await insert(client, "blueprint_versions", { blueprint_id: blueprint.id });
      expect(second.version).toBe(2);
      expect(
        await refusal(client, "insert into pipeline.blueprint_versions (blueprint_id) values ($1)", [blueprint.id]),
      ).toMatchObject({ constraint: "blueprint_versions_draft_key" });
    }));

  test.each([
    ["an object", "{}"],
    ["an element that is no object", '["skip_trace"]'],
    ["a step without a name", '[{"type": "enrichment", "config": {}}]'],
    ["a step whose name is not a word", '[{"name": "Skip trace!", "type": "enrichment", "config": {}}]'],
    ["a step without a type", '[{"name": "skip_trace", "config": {}}]'],
    ["a step without a config", '[{"name": "skip_trace", "type": "enrichment"}]'],
    ["a step whose config is no object", '[{"name": "skip_trace", "type": "enrichment", "config": []}]'],
    ["a good step and a bad one", `[{"name": "a", "type": "b", "config": {}}, {"name": 1, "type": "b", "config": {}}]`],
  ])("takes no steps that are %s", (_case, steps) =>
    as("manager", async (client) => {
      const blueprint = await insert(client, "blueprints", { name: "Enrich" });
      expect(
        await refusal(client, "insert into pipeline.blueprint_versions (blueprint_id, steps) values ($1, $2)", [
          blueprint.id,
          steps,
        ]),
      ).toMatchObject({ code: "23514", constraint: "blueprint_versions_steps_check" });
    }),
  );

  test("lets a draft change, and a published version never", () =>
    as("manager", async (client) => {
      const blueprint = await insert(client, "blueprints", { name: "Enrich" });
      const { id } = await insert(client, "blueprint_versions", { blueprint_id: blueprint.id });
      expect(await refusal(client, "select pipeline.publish_blueprint($1)", [blueprint.id])).toMatchObject({
        code: "RH004",
        message: 'Version 1 of blueprint "Enrich" has no steps.',
      });
      await client.query("update pipeline.blueprint_versions set steps = $2 where id = $1", [id, STEPS]);
      const { rows } = await client.query("select * from pipeline.publish_blueprint($1)", [blueprint.id]);
      expect(rows[0].published_version_id).toBe(id);
      await client.query("set local role rowhouse_system");
      for (const sql of [
        "update pipeline.blueprint_versions set changelog = 'x' where id = $1",
        "update pipeline.blueprint_versions set status = 'draft', published_at = null where id = $1",
        "delete from pipeline.blueprint_versions where id = $1",
      ])
        expect(await refusal(client, sql, [id])).toMatchObject({ code: "RH006" });
    }));

  test("is published by its draft only, by managers only, and points at a published version of its own", () =>
    as("manager", async (client) => {
      const { blueprint } = await publishedBlueprint(client);
      const other = await publishedBlueprint(client, "Other");
      const draft = await insert(client, "blueprint_versions", { blueprint_id: other.blueprint.id });
      expect(await refusal(client, "select pipeline.publish_blueprint($1)", [blueprint.id])).toMatchObject({
        code: "RH006",
        message: 'Blueprint "Enrich" has no draft. Make a new version first.',
      });
      expect(await refusal(client, "select pipeline.publish_blueprint(uuidv7())")).toMatchObject({ code: "RH002" });
      await client.query("set local role rowhouse_system");
      for (const [blueprintId, versionId] of [
        [blueprint.id, other.version.id],
        [other.blueprint.id, draft.id],
      ])
        expect(
          await refusal(client, "update pipeline.blueprints set published_version_id = $2 where id = $1", [
            blueprintId,
            versionId,
          ]),
        ).toMatchObject({ code: "RH003" });
      await client.query("set local role rowhouse_member");
      expect(await refusal(client, "select pipeline.publish_blueprint($1)", [blueprint.id])).toMatchObject({
        code: "42501",
      });
    }));

  test("of the system can be switched off, but neither deleted, renamed nor made ordinary, by anybody", () =>
    as("system", async (client) => {
      const { id } = await insert(client, "blueprints", { name: "luci_enrich", is_system: true });
      await client.query("update pipeline.blueprints set is_active = false where id = $1", [id]);
      for (const [sql, message] of [
        ["delete from pipeline.blueprints where id = $1", "cannot be deleted"],
        ["update pipeline.blueprints set deleted_at = now() where id = $1", "cannot be deleted"],
        ["update pipeline.blueprints set name = 'mine' where id = $1", "cannot be renamed"],
        ["update pipeline.blueprints set is_system = false where id = $1", "stays one"],
      ] as const)
        expect(await refusal(client, sql, [id])).toMatchObject({
          code: "RH005",
          message: expect.stringMatching(new RegExp(`^Blueprint "luci_enrich" is a system blueprint and .*${message}`)),
        });
    }));

  test("gives its name free when it is deleted", () =>
    as("manager", async (client) => {
      const { id } = await insert(client, "blueprints", { name: "Enrich" });
      expect(await refusal(client, "insert into pipeline.blueprints (name) values ('Enrich')")).toMatchObject({
        constraint: "blueprints_name_key",
      });
      await client.query("update pipeline.blueprints set deleted_at = now() where id = $1", [id]);
      await insert(client, "blueprints", { name: "Enrich" });
    }));
});

describe("an automation", () => {
  test("acts under an actor of its own, which follows its name", () =>
    as("manager", async (client) => {
      const { blueprint } = await publishedBlueprint(client);
      const row = { blueprint_id: blueprint.id, name: "New leads", trigger_type: "lead_created" };
      const { id, actor_id } = await insert(client, "automations", row);
      const actor = () => client.query("select kind, label from iam.actors where id = $1", [actor_id]);
      expect((await actor()).rows).toEqual([{ kind: "automation", label: "New leads" }]);
      await client.query("update pipeline.automations set name = 'Fresh leads' where id = $1", [id]);
      expect((await actor()).rows).toEqual([{ kind: "automation", label: "Fresh leads" }]);
    }));

  test.each([
    ["schedule", {}, { code: "RH004", column: "triggerConfig.schedule" }],
    ["event", { event: 5 }, { code: "RH004", column: "triggerConfig.event" }],
    ["webhook", {}, { code: "23514", constraint: "automations_webhook_source_id_check" }],
  ])("by %s says what sets it going", (triggerType, config, error) =>
    as("manager", async (client) => {
      const { blueprint } = await publishedBlueprint(client);
      expect(
        await refusal(
          client,
          "insert into pipeline.automations (blueprint_id, name, trigger_type, trigger_config) values ($1, 'a', $2, $3)",
          [blueprint.id, triggerType, JSON.stringify(config)],
        ),
      ).toMatchObject(error);
    }),
  );

  test("fires by schedule or by a source of webhooks", () =>
    as("admin", async (client) => {
      const { blueprint } = await publishedBlueprint(client);
      const made = "select * from app.create_webhook_source('Twilio', 'twilio', 'none', null, null, null, null, null)";
      const source = (await client.query(made)).rows[0];
      const row = { blueprint_id: blueprint.id, name: "a" };
      const trigger_config = { schedule: "0 9 * * *", timezone: "America/New_York" };
      await insert(client, "automations", { ...row, trigger_type: "schedule", trigger_config });
      await insert(client, "automations", {
        ...row,
        name: "b",
        trigger_type: "webhook",
        webhook_source_id: source.id,
      });
    }));
});

describe("a run", () => {
  test("goes from queued by running to an end, and keeps its times", () =>
    as("system", async (client) => {
      const run = await insert(client, "pipeline_runs", { pipeline_name: "luci_enrich" });
      expect(run).toMatchObject({ status: "queued", triggered_by: actorId, started_at: null, duration_ms: null });
      const move = (status: string) =>
        client.query("update pipeline.pipeline_runs set status = $2 where id = $1 returning *", [run.id, status]);
      expect((await move("running")).rows[0]).toMatchObject({ started_at: expect.any(Date), completed_at: null });
      const { rows } = await move("completed");
      expect(rows[0].completed_at.getTime()).toBeGreaterThanOrEqual(rows[0].started_at.getTime());
      expect(Number(rows[0].duration_ms)).toBeGreaterThanOrEqual(0);
    }));

  test("has a duration that follows from its times", () =>
    as("system", async (client) => {
      const { id } = await insert(client, "pipeline_runs", { pipeline_name: "p" });
      await client.query(
        "update pipeline.pipeline_runs set status = 'running', started_at = '2030-01-01Z' where id = $1",
        [id],
      );
      const { rows } = await client.query(
        "update pipeline.pipeline_runs set status = 'failed', completed_at = '2030-01-01 00:00:01.5Z' where id = $1 returning duration_ms",
        [id],
      );
      expect(rows).toEqual([{ duration_ms: "1500" }]);
    }));

  test.each([
    ["pipeline_runs", "completed", "From there it can become: running, cancelled."],
    ["pipeline_runs", "running completed running", "That is a final state."],
    ["pipeline_runs", "cancelled queued", "That is a final state."],
    ["block_executions", "completed", "From there it can become: running, skipped."],
    ["block_executions", "skipped running", "That is a final state."],
    ["block_executions", "running failed pending", "That is a final state."],
  ])("refuses the last step of those of %s: %s", (table, path, message) =>
    as("system", async (client) => {
      const run = await insert(client, "pipeline_runs", { pipeline_name: "p" });
      const block = { pipeline_run_id: run.id, block_index: 0, block_name: "b" };
      const { id } = table === "pipeline_runs" ? run : await insert(client, table, block);
      const move = `update pipeline.${table} set status = $2 where id = $1`;
      const steps = path.split(" ");
      const last = steps.pop();
      for (const status of steps) await client.query(move, [id, status]);
      expect(await refusal(client, move, [id, last])).toMatchObject({
        code: "RH006",
        message: expect.stringContaining(message),
      });
    }),
  );

  test("begins queued, its blocks pending", () =>
    as("system", async (client) => {
      const { id } = await insert(client, "pipeline_runs", { pipeline_name: "p" });
      for (const sql of [
        "insert into pipeline.pipeline_runs (pipeline_name, status) values (coalesce($1, '')::text, 'running')",
        "insert into pipeline.block_executions (pipeline_run_id, block_index, block_name, status) values ($1, 0, 'b', 'running')",
      ])
        expect(await refusal(client, sql, [id])).toMatchObject({ code: "RH006" });
    }));

  test.each([
    ["an automation by hand", { trigger_type: "manual" }, "automation_id"],
    ["a webhook event by schedule", { trigger_type: "scheduled" }, "webhook_event_id"],
    ["an earlier run without being its replay", { trigger_type: "manual" }, "replayed_from_run_id"],
  ])("does not name %s as its cause", (_case, values, column) =>
    as("system", async (client) => {
      const names = [...Object.keys(values), column];
      expect(
        await refusal(
          client,
          `insert into pipeline.pipeline_runs (pipeline_name, ${names.join(", ")}) values ('p', $1, uuidv7())`,
          Object.values(values),
        ),
      ).toMatchObject({ code: "23514", constraint: "pipeline_runs_trigger_type_check" });
    }),
  );

  test("has one block at each place, whose counts add up", () =>
    as("system", async (client) => {
      const run = await insert(client, "pipeline_runs", { pipeline_name: "p" });
      const block = { pipeline_run_id: run.id, block_index: 0, block_name: "skip_trace" };
      await insert(client, "block_executions", { ...block, processed_count: 3, succeeded_count: 2, failed_count: 1 });
      const again =
        "insert into pipeline.block_executions (pipeline_run_id, block_index, block_name) values ($1, 0, 'b')";
      expect(await refusal(client, again, [run.id])).toMatchObject({
        constraint: "block_executions_pipeline_run_id_block_index_key",
      });
      expect(await refusal(client, "update pipeline.block_executions set succeeded_count = 3")).toMatchObject({
        constraint: "block_executions_processed_count_check",
      });
    }));

  test("is nothing that a request may write", () =>
    as("admin", async (client) => {
      for (const sql of [
        "insert into pipeline.pipeline_runs (pipeline_name) values ('p')",
        "update pipeline.pipeline_runs set status = 'cancelled'",
        "update pipeline.block_executions set status = 'skipped'",
        "insert into pipeline.artifacts (artifact_type, inline_data) values ('note', '{}')",
      ])
        expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
    }));
});
