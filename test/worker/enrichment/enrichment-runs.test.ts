import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { WorkerApp } from "../../../worker/app.ts";
import { enrichBatch } from "../../../worker/tasks/enrich-batch.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  addEntries,
  batchesOf,
  callAs,
  createPlan,
  entriesOf,
  jobOfBatch,
  resultsOf,
} from "../../support/enrichment.ts";
import { createTenant, jobRow, queueRows, skipPauses, startTestWorker, untilStatus } from "../../support/jobs.ts";
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

const person = { full_name: "Ann Lee", phone: "202-224-3441" };
const people = (count: number, more: Record<string, string> = {}) =>
  Array.from({ length: count }, () => ({ ...person, ...more }));
const run = (planId: string) => callAs(database, tenantId, "lists.run_enrichment_plan", planId);
const statuses = async () => (await entriesOf(database, listId)).map((entry) => entry["enrichment_status"]);
const untilEmpty = () => until("the queue is empty", async () => (await queueRows(database)).length === 0);

async function work() {
  worker = await startTestWorker(database, { tasks: [enrichBatch] });
  await untilEmpty();
}

async function progressOf(planId: string, tenant = tenantId) {
  return asTenant(database, { tenantId: tenant, role: "rowhouse_viewer" }, async (client) => {
    const { rows } = await client.query("select (p).* from lists.enrichment_progress($1) p", [planId]);
    return rows[0] as Record<string, unknown>;
  });
}

describe("the progress of a plan", () => {
  it("sums up the batches of its last run, from queued to done", async () => {
    await addEntries(database, tenantId, listId, people(5));
    const planId = await createPlan(database, tenantId, listId, { batchSize: 2 });
    expect(await progressOf(planId)).toMatchObject({ run_number: null, status: null });
    await run(planId);
    expect(await progressOf(planId)).toMatchObject({
      enrichment_plan_id: planId,
      run_number: 1,
      status: "queued",
      entry_count: "5",
      processed_count: "0",
      batch_count: "3",
      queued_batch_count: "3",
      started_at: null,
      finished_at: null,
    });
    await work();
    expect(await progressOf(planId)).toMatchObject({
      status: "succeeded",
      entry_count: "5",
      processed_count: "5",
      changed_count: "5",
      failed_count: "0",
      queued_batch_count: "0",
      succeeded_batch_count: "3",
      started_at: expect.any(Date),
      finished_at: expect.any(Date),
    });
    await worker!.stop();
    await run(planId);
    expect(await progressOf(planId)).toMatchObject({ run_number: 2, status: "queued", processed_count: "0" });
  });

  it("is a field of the plan, and nothing to another tenant", async () => {
    await addEntries(database, tenantId, listId, people(1));
    const planId = await createPlan(database, tenantId, listId);
    await run(planId);
    const field = "select (lists.enrichment_plans_progress(p)).entry_count from lists.enrichment_plans p where id = $1";
    const { rows } = await asTenant(database, { tenantId, role: "rowhouse_viewer" }, (client) =>
      client.query(field, [planId]),
    );
    expect(rows).toEqual([{ entry_count: "1" }]);
    const other = await createTenant(database);
    expect(await progressOf(planId, other.tenantId)).toMatchObject({ enrichment_plan_id: null });
  });

  it("is that of a run that failed when one of its batches did", async () => {
    await addEntries(database, tenantId, listId, people(1));
    const planId = await createPlan(database, tenantId, listId, { steps: [["phone", { defaultCountry: 7 }]] });
    await run(planId);
    await work();
    expect(await progressOf(planId)).toMatchObject({ status: "failed", failed_batch_count: "1", processed_count: "0" });
  });
});

it("puts a batch that meets a passing fault back into the queue, with nothing written, and does it again", async () => {
  await addEntries(database, tenantId, listId, people(2));
  const planId = await createPlan(database, tenantId, listId);
  await run(planId);
  await database.admin.query(`
    create function public.refuse() returns trigger language plpgsql as
      $$ begin raise exception 'could not serialize' using errcode = '40001'; end $$;
    create trigger refuse before insert on lists.enrichment_results for each statement execute function public.refuse()`);
  worker = await startTestWorker(database, { tasks: [enrichBatch] });
  const batch = await until("the batch has failed once", async () => {
    const [row] = await batchesOf(database, planId);
    return row?.attempt_count === 1 && row.status === "queued" && row;
  });
  expect(batch.error_message).toMatch(/could not be reached/);
  expect(await statuses()).toEqual(["pending", "pending"]);
  await database.admin.query("drop function public.refuse() cascade");
  await skipPauses(database);
  await untilEmpty();
  const [done] = await batchesOf(database, planId);
  expect(done).toMatchObject({ status: "succeeded", attempt_count: 2, error_message: null, processed_count: 2 });
  expect(done!.progress_log.map(({ event }) => event)).toEqual(["started", "retrying", "started", "succeeded"]);
  expect(await statuses()).toEqual(["enriched", "enriched"]);
});

describe("a run that is cancelled", () => {
  it("touches no entry of the batches that had not begun, and can be taken up again batch by batch", async () => {
    await addEntries(database, tenantId, listId, people(3));
    const planId = await createPlan(database, tenantId, listId, { batchSize: 1 });
    await run(planId);
    await callAs(database, tenantId, "lists.cancel_enrichment_run", planId);
    await work();
    expect(await progressOf(planId)).toMatchObject({
      status: "cancelled",
      cancelled_batch_count: "3",
      processed_count: "0",
    });
    expect(await statuses()).toEqual(["pending", "pending", "pending"]);

    const [batch] = await batchesOf(database, planId);
    const jobId = await jobOfBatch(database, batch!.id);
    await callAs(database, tenantId, "pipeline.retry_job", jobId);
    await untilStatus(database, jobId, "succeeded");
    expect(await statuses()).toEqual(["enriched", "pending", "pending"]);
    expect(await progressOf(planId)).toMatchObject({ succeeded_batch_count: "1", cancelled_batch_count: "2" });
  });

  it("stops a batch whose job a worker had just taken", async () => {
    await addEntries(database, tenantId, listId, people(1));
    const planId = await createPlan(database, tenantId, listId);
    await run(planId);
    const [batch] = await batchesOf(database, planId);
    await database.admin.query("update lists.enrichment_queue_jobs set status = 'cancelled' where id = $1", [
      batch!.id,
    ]);
    await work();
    expect((await jobRow(database, await jobOfBatch(database, batch!.id))).status).toBe("cancelled");
    expect(await statuses()).toEqual(["pending"]);
  });

  it("is what becomes of the batches of a plan that is deleted", async () => {
    await addEntries(database, tenantId, listId, people(1));
    const planId = await createPlan(database, tenantId, listId);
    await run(planId);
    await database.admin.query("update lists.enrichment_plans set deleted_at = now() where id = $1", [planId]);
    await work();
    expect(await batchesOf(database, planId)).toMatchObject([{ status: "cancelled" }]);
    expect(await statuses()).toEqual(["pending"]);
  });
});

describe("an automatic plan", () => {
  async function startImport(): Promise<string> {
    return asTenant(
      database,
      { tenantId },
      async (client) => {
        const insert = "insert into lists.list_imports (list_id, status) values ($1, 'merging') returning id";
        return (await client.query<{ id: string }>(insert, [listId])).rows[0]!.id;
      },
      { commit: true },
    );
  }
  const complete = (importId: string, set: string) =>
    asTenant(
      database,
      { tenantId },
      async (client) =>
        void (await client.query(`update lists.list_imports set status = 'completed', ${set} where id = $1`, [
          importId,
        ])),
      { commit: true },
    );

  it("runs on the entries that an import brought or changed, and on no others", async () => {
    const [, changed] = await addEntries(database, tenantId, listId, people(3));
    const planId = await createPlan(database, tenantId, listId, { isAutoRun: true, batchSize: 2 });
    const importId = await startImport();
    await addEntries(database, tenantId, listId, people(2, { list_import_id: importId }));
    await asTenant(
      database,
      { tenantId },
      async (client) => {
        const row = `insert into lists.list_import_rows (list_import_id, line_number, outcome, list_entry_id)
          values ($1, 7, 'overwritten', $2), ($1, 8, 'filled', $2), ($1, 9, 'skipped', $3)`;
        const [first] = await entriesOf(database, listId);
        await client.query(row, [importId, changed, first!.id]);
      },
      { commit: true },
    );
    await complete(importId, "inserted_count = 2, overwritten_count = 1, filled_count = 1");
    expect(await batchesOf(database, planId)).toMatchObject([
      { status: "queued", entry_count: 2 },
      { status: "queued", entry_count: 1 },
    ]);
    await work();
    expect(await progressOf(planId)).toMatchObject({ status: "succeeded", entry_count: "3", processed_count: "3" });
    expect(await statuses()).toEqual(["pending", "enriched", "pending", "enriched", "enriched"]);
    expect(await resultsOf(database, listId)).toHaveLength(12);
  });

  it("does not run after a dry run, or after an import that changed nothing", async () => {
    await addEntries(database, tenantId, listId, people(1));
    const planId = await createPlan(database, tenantId, listId, { isAutoRun: true });
    await complete(await startImport(), "is_dry_run = true, inserted_count = 5");
    await complete(await startImport(), "skipped_count = 5");
    expect(await batchesOf(database, planId)).toEqual([]);
  });
});
