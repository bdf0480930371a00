import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTenant } from "../support/graphql-api.ts";
import { insertInto } from "../support/insert-into.ts";
import { refusal } from "../support/refusal.ts";

/** Just too long for the row: 102,400 bytes of JSON text, with its quotes. */
const TOO_LONG = JSON.stringify("x".repeat(102_398));
const CHECKSUM = "0".repeat(64);

let database: TestDatabase;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId } = (await createTenant(database, "acme")) as { tenantId: string });
});

afterAll(async () => {
  await database?.drop();
});

/** Works as the system in the tenant, and rolls back. */
const inTenant = (work: (client: PoolClient) => Promise<void>, role = "rowhouse_system") =>
  asTenant(database, { tenantId, role }, work);

const insert = (client: PoolClient, table: string, row: Record<string, unknown>) =>
  insertInto(client, `pipeline.${table}`, row);

const inline = (client: PoolClient, row: Record<string, unknown> = {}) =>
  insert(client, "artifacts", { artifact_type: "skiptrace_result", inline_data: { phones: [] }, ...row });

const source = (client: PoolClient) => insert(client, "webhook_sources", { name: "Twilio", provider: "twilio" });

describe("an artifact", () => {
  test("in the row has the size and SHA-256 of its JSON text, whatever the writer says", () =>
    inTenant(async (client) => {
      const artifact = await inline(client, { size_bytes: 1, checksum: CHECKSUM });
      const text = '{"phones": []}';
      expect(artifact).toMatchObject({
        storage_type: "inline",
        size_bytes: String(text.length),
        checksum: createHash("sha256").update(text).digest("hex"),
        version: 1,
      });
    }));

  test("in object storage has a path, a size and a checksum", () =>
    inTenant(async (client) => {
      const row = { artifact_type: "csv_import", object_path: "acme/1.csv", mime_type: "text/csv" };
      const stored = await insert(client, "artifacts", { ...row, size_bytes: 5_000_000_000, checksum: CHECKSUM });
      expect(stored).toMatchObject({ storage_type: "object", size_bytes: "5000000000" });
      const without = "insert into pipeline.artifacts (artifact_type, object_path, size_bytes) values ('a', 'b', 1)";
      expect(await refusal(client, without)).toMatchObject({ code: "23502", column: "checksum" });
    }));

  test.each([
    ["both in the row and in object storage", "'{}'", "'acme/1.json'", CHECKSUM, "artifacts_inline_data_check"],
    ["nowhere", "null", "null", CHECKSUM, "artifacts_inline_data_check"],
    ["under a checksum that is none", "null", "'a'", "F".repeat(64), "artifacts_checksum_check"],
  ])("is never %s", (_case, data, path, checksum, constraint) =>
    inTenant(async (client) => {
      const sql = `insert into pipeline.artifacts (artifact_type, inline_data, object_path, size_bytes, checksum)
        values ('csv_import', ${data}, ${path}, 2, $1)`;
      expect(await refusal(client, sql, [checksum])).toMatchObject({ code: "23514", constraint });
    }),
  );

  test("is in the row below 102,400 bytes of text only, however well they compress", () =>
    inTenant(async (client) => {
      const sql =
        "insert into pipeline.artifacts (artifact_type, inline_data) values ('note', $1) returning size_bytes";
      expect(await refusal(client, sql, [TOO_LONG])).toMatchObject({
        constraint: "artifacts_inline_data_length_check",
      });
      expect((await client.query(sql, [TOO_LONG.replace("x", "")])).rows).toEqual([{ size_bytes: "102399" }]);
    }));

  test("supersedes another one once, and counts the versions", () =>
    inTenant(async (client) => {
      const first = await inline(client);
      const second = await inline(client, { supersedes_id: first.id });
      const third = await inline(client, { supersedes_id: second.id, version: 9 });
      expect([first, second, third].map(({ version }) => version)).toEqual([1, 2, 3]);
      const again = "insert into pipeline.artifacts (artifact_type, inline_data, supersedes_id) values ('a', '{}', $1)";
      expect(await refusal(client, again, [first.id])).toMatchObject({ constraint: "artifacts_supersedes_id_key" });
      expect(await refusal(client, again.replace("'{}', $1", "'{}', uuidv7()")).catch(() => undefined)).toMatchObject({
        code: "23503",
      });
    }));

  test("has parents, each once, and never itself", () =>
    inTenant(async (client) => {
      const [child, parent] = [await inline(client), await inline(client)];
      await insert(client, "artifact_parents", { artifact_id: child.id, parent_id: parent.id });
      const link = "insert into pipeline.artifact_parents (artifact_id, parent_id) values ($1, $2)";
      expect(await refusal(client, link, [child.id, parent.id])).toMatchObject({
        constraint: "artifact_parents_artifact_id_parent_id_key",
      });
      expect(await refusal(client, link, [child.id, child.id])).toMatchObject({
        constraint: "artifact_parents_parent_id_check",
      });
    }));
});

describe("a source of webhooks", () => {
  test("has an address that nobody can guess, and which no request chooses", () =>
    inTenant(async (client) => {
      const [a, b] = [await source(client), await insert(client, "webhook_sources", { name: "b", provider: "stripe" })];
      expect([a.path_token, b.path_token]).toEqual([
        expect.stringMatching(/^[0-9a-f]{64}$/),
        expect.stringMatching(/^[0-9a-f]{64}$/),
      ]);
      expect(a.path_token).not.toBe(b.path_token);
      await client.query("set local role rowhouse_admin");
      const chosen = "insert into pipeline.webhook_sources (name, provider, path_token) values ('c', 'stripe', 'c')";
      expect(await refusal(client, chosen)).toMatchObject({ code: "42501" });
    }));

  test("is shown to managers, and its secret to nobody", () =>
    inTenant(async (client) => {
      await client.query("select from pipeline.webhook_sources");
      expect(await refusal(client, "select from private.webhook_source_secrets")).toMatchObject({ code: "42501" });
      await client.query("set local role rowhouse_member");
      for (const table of ["webhook_sources", "webhook_events", "webhook_event_outcomes"])
        expect(await refusal(client, `select from pipeline.${table}`)).toMatchObject({ code: "42501" });
    }, "rowhouse_manager"));
});

describe("a webhook event", () => {
  test("of the same number is taken once for each source", () =>
    inTenant(async (client) => {
      const { id } = await source(client);
      const event = { webhook_source_id: id, event_type: "sms.inbound", payload: { body: "STOP" } };
      await insert(client, "webhook_events", { ...event, provider_event_id: "SM1" });
      await insert(client, "webhook_events", event);
      await insert(client, "webhook_events", event);
      const sql = `insert into pipeline.webhook_events (webhook_source_id, event_type, payload, provider_event_id)
        values ($1, 'sms.inbound', '{}', 'SM1')`;
      expect(await refusal(client, sql, [id])).toMatchObject({ constraint: "webhook_events_provider_event_id_key" });
      const other = await insert(client, "webhook_sources", { name: "Other", provider: "twilio" });
      await client.query(sql, [other.id]);
    }));

  test("causes runs, and has an outcome for each time it was worked off", () =>
    inTenant(async (client) => {
      const { id } = await source(client);
      const event = await insert(client, "webhook_events", { webhook_source_id: id, event_type: "a", payload: {} });
      const cause = { trigger_type: "webhook", webhook_event_id: event.id, correlation_id: event.correlation_id };
      const run = await insert(client, "pipeline_runs", { pipeline_name: "gianna_respond", ...cause });
      const outcome = { webhook_event_id: event.id, outcome: "failed", error_code: "NO_LEAD" };
      await insert(client, "webhook_event_outcomes", outcome);
      const processed = { ...outcome, outcome: "processed", error_code: null, pipeline_run_id: run.id };
      await insert(client, "webhook_event_outcomes", processed);
      const sql =
        "insert into pipeline.webhook_event_outcomes (webhook_event_id, outcome, error_code) values ($1, 'ignored', 'x')";
      expect(await refusal(client, sql, [event.id])).toMatchObject({
        constraint: "webhook_event_outcomes_error_code_check",
      });
    }));
});

describe("what never changes", () => {
  test.each(["artifacts", "artifact_parents", "webhook_events", "webhook_event_outcomes"])(
    "%s: a job may not change, delete or empty it, and a superuser is refused",
    async (table) => {
      await inTenant(async (client) => {
        for (const sql of [`update pipeline.${table} set id = id`, `delete from pipeline.${table}`])
          expect(await refusal(client, sql)).toMatchObject({ code: "42501" });
      });
      for (const sql of ["update pipeline.$ set id = id", "delete from pipeline.$", "truncate pipeline.$ cascade"])
        await expect(database.admin.query(sql.replace("$", table))).rejects.toMatchObject({ code: "RH005" });
    },
  );

  test("goes with its tenant all the same", async () => {
    const { tenantId: doomed } = (await createTenant(database, "doomed")) as { tenantId: string };
    await asTenant(
      database,
      { tenantId: doomed, role: "rowhouse_system" },
      async (client) => {
        const blueprint = await insert(client, "blueprints", { name: "b", is_system: true });
        const version = await insert(client, "blueprint_versions", { blueprint_id: blueprint.id });
        const run = await insert(client, "pipeline_runs", { pipeline_name: "p", blueprint_version_id: version.id });
        const first = await inline(client, { pipeline_run_id: run.id });
        const second = await inline(client, { supersedes_id: first.id });
        await insert(client, "artifact_parents", { artifact_id: second.id, parent_id: first.id });
        const { id } = await source(client);
        const row = { blueprint_id: blueprint.id, name: "a", trigger_type: "webhook", webhook_source_id: id };
        await insert(client, "automations", row);
        await insert(client, "webhook_events", { webhook_source_id: id, event_type: "a", payload: {} });
      },
      { commit: true },
    );
    await database.admin.query(`begin; set local jwt.claims.tenant_id = '${doomed}';
      delete from iam.tenants where id = '${doomed}'; commit`);
    const { rows } = await database.admin.query("select from pipeline.artifacts where tenant_id = $1", [doomed]);
    expect(rows).toEqual([]);
  });
});
