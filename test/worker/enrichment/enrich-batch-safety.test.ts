import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { PoolClient } from "pg";
import { beginAsSystem, inTenantTransaction } from "../../../lib/tenant-transaction.ts";
import type { WorkerApp } from "../../../worker/app.ts";
import { prepareSteps } from "../../../worker/enrichment/plan-steps.ts";
import { beginQueueJob, finishQueueJob } from "../../../worker/enrichment/queue-job.ts";
import { runBatch } from "../../../worker/enrichment/run-batch.ts";
import { enrichBatch } from "../../../worker/tasks/enrich-batch.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { startFreezingWorker } from "../../support/enrichment-process.ts";
import {
  addEntries,
  batchesOf,
  callAs,
  createPlan,
  entriesOf,
  jobOfBatch,
  resultsOf,
} from "../../support/enrichment.ts";
import { createTenant, jobRow, queueJob, startTestWorker, untilStatus } from "../../support/jobs.ts";
import { until } from "../../support/until.ts";

let database: TestDatabase;
let worker: WorkerApp | undefined;
let tenantId: string;
let listId: string;
const folder = mkdtempSync(join(tmpdir(), "enrichment-"));

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
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

const people = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ full_name: `Ann Lee${n}`, phone: "202-224-3441", postal_code: "98201" }));

/** Starts a run of a new plan, and returns the plan and its first batch. */
async function queueRun(batchSize = 1000) {
  const planId = await createPlan(database, tenantId, listId, { batchSize });
  await callAs(database, tenantId, "lists.run_enrichment_plan", planId);
  const [batch] = await batchesOf(database, planId);
  return { planId, batch: batch! };
}

describe("a person who edits an entry between the reading and the writing of its batch", () => {
  type Moment = readonly [before: string, meanwhile: (client: PoolClient) => Promise<unknown>];
  const writing = "update lists.list_entries";
  const holding = "for no key update of e";

  /** Runs a batch as the task does, and does something just before the next statement with a certain text, each in turn. */
  async function runWith(batchId: string, ...moments: Moment[]) {
    await inTenantTransaction(database.worker, { tenantId }, async (real) => {
      const client = new Proxy(real, {
        get(target, key) {
          if (key !== "query") return Reflect.get(target, key) as unknown;
          return async (query: string | { text: string }, values?: unknown[]) => {
            const text = typeof query === "string" ? query : query.text;
            if (moments[0] && text.includes(moments[0][0])) await moments.shift()![1](target);
            return target.query(query as string, values as string[]);
          };
        },
      });
      const begun = await beginQueueJob(client, batchId, 1);
      if (begun.kind !== "begun") throw new Error(`The batch is ${begun.kind}.`);
      const steps = prepareSteps(begun.job.steps);
      const onFault = (block: string, error: unknown) => {
        throw new Error(`${block} broke`, { cause: error });
      };
      const signal = new AbortController().signal;
      await finishQueueJob(client, batchId, await runBatch({ client, steps, signal, onFault }, begun.job));
    });
    expect(moments).toEqual([]);
  }
  const asMember = (sql: string, id: string) =>
    asTenant(database, { tenantId, role: "rowhouse_member" }, (client) => client.query(sql, [id]), { commit: true });
  const edit = "update lists.list_entries set phone = '360-555-0199', city = 'Mukilteo' where id = $1";

  it("keeps the edit, and what is found is about the new values", async () => {
    const ids = await addEntries(database, tenantId, listId, people(3));
    const { planId, batch } = await queueRun();
    await runWith(batch.id, [writing, () => asMember(edit, ids[1]!)]);
    const entries = await entriesOf(database, listId);
    expect(entries.map(({ phone, city }) => [phone, city])).toEqual([
      ["202-224-3441", "Everett"],
      ["360-555-0199", "Mukilteo"],
      ["202-224-3441", "Everett"],
    ]);
    expect(entries[1]).toMatchObject({ enrichment_status: "enriched", state: "WA" });
    expect(entries[1]!["phone_e164"]).not.toBe("+12022243441");
    expect(await resultsOf(database, listId)).toHaveLength(12);
    expect(await batchesOf(database, planId)).toMatchObject([
      { status: "succeeded", processed_count: 3, changed_count: 3 },
    ]);
  });

  /** Edits an entry, and commits the edit only once the batch waits for it. */
  const editSlowly = (id: string) => async (client: PoolClient) => {
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const editor = await database.admin.connect();
    await editor.query(beginAsSystem({ tenantId }));
    await editor.query(edit, [id]);
    void until("the batch waits for the edit", async () => {
      const waiting = "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'";
      return (await database.admin.query(waiting, [rows[0]!.pid])).rowCount === 1;
    })
      .then(() => editor.query("commit"))
      .finally(() => editor.release());
  };

  it("keeps an edit that is committed only while the batch waits to write", async () => {
    const ids = await addEntries(database, tenantId, listId, people(3));
    const { batch } = await queueRun();
    await runWith(batch.id, [writing, editSlowly(ids[1]!)]);
    const entries = await entriesOf(database, listId);
    expect(entries[1]).toMatchObject({ phone: "360-555-0199", city: "Mukilteo", enrichment_status: "enriched" });
    expect(entries[1]!["phone_e164"]).not.toBe("+12022243441");
  });

  it("keeps an edit that is committed only while the batch waits to hold its entries", async () => {
    const ids = await addEntries(database, tenantId, listId, people(3));
    const { planId, batch } = await queueRun();
    const rename = "update lists.list_entries set full_name = 'Bob Ray' where id = $1";
    await runWith(batch.id, [writing, () => asMember(rename, ids[0]!)], [holding, editSlowly(ids[1]!)]);
    const entries = await entriesOf(database, listId);
    expect(entries.map((entry) => entry["last_name"])).toEqual(["Ray", "Lee1", "Lee2"]);
    expect(entries[1]).toMatchObject({ phone: "360-555-0199", city: "Mukilteo", enrichment_status: "enriched" });
    expect(entries[1]!["phone_e164"]).not.toBe("+12022243441");
    expect(await batchesOf(database, planId)).toMatchObject([{ processed_count: 3, changed_count: 3 }]);
  });

  it("may delete it: it is left as it was", async () => {
    const ids = await addEntries(database, tenantId, listId, people(3));
    const { planId, batch } = await queueRun();
    const remove = "update lists.list_entries set deleted_at = now() where id = $1";
    await runWith(batch.id, [writing, () => asMember(remove, ids[1]!)]);
    const entries = await entriesOf(database, listId);
    expect(entries.map((entry) => entry["enrichment_status"])).toEqual(["enriched", "pending", "enriched"]);
    expect(await resultsOf(database, listId)).toHaveLength(8);
    expect(await batchesOf(database, planId)).toMatchObject([{ processed_count: 2 }]);
  });
});

it("is done once when the worker is killed in the middle of a batch", async () => {
  await addEntries(database, tenantId, listId, people(1500));
  const { planId, batch } = await queueRun(2000);
  // The first thousand entries are written by then, though not committed.
  const { child, frozen } = await startFreezingWorker(database.workerUrl, "Ann Lee1200", join(folder, "frozen"));
  try {
    await frozen;
    expect(await batchesOf(database, planId)).toMatchObject([{ status: "running", attempt_count: 1 }]);
  } finally {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
  }
  expect(await resultsOf(database, listId)).toEqual([]);
  expect(new Set((await entriesOf(database, listId)).map((entry) => entry["enrichment_status"]))).toEqual(
    new Set(["pending"]),
  );

  worker = await startTestWorker(database, { tasks: [enrichBatch] });
  expect(await untilStatus(database, await jobOfBatch(database, batch.id), "succeeded")).toMatchObject({
    attempt_count: 2,
  });
  const [done] = await batchesOf(database, planId);
  expect(done).toMatchObject({ status: "succeeded", processed_count: 1500, changed_count: 1500, attempt_count: 2 });
  expect(done!.progress_log.map(({ event }) => event)).toEqual(["started", "started", "succeeded"]);
  expect(await resultsOf(database, listId)).toHaveLength(6000);
});

describe("another tenant's entries", () => {
  it("stay untouched when a batch claims every id there is", async () => {
    await addEntries(database, tenantId, listId, people(2));
    const { planId, batch } = await queueRun();
    const other = await createTenant(database);
    await addEntries(database, other.tenantId, other.listId, people(2));
    await database.admin.query(
      `update lists.enrichment_queue_jobs set first_entry_id = '00000000-0000-0000-0000-000000000000',
         last_entry_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff' where id = $1`,
      [batch.id],
    );
    worker = await startTestWorker(database, { tasks: [enrichBatch] });
    await untilStatus(database, await jobOfBatch(database, batch.id), "succeeded");
    expect(await batchesOf(database, planId)).toMatchObject([{ processed_count: 2 }]);
    const theirs = await entriesOf(database, other.listId);
    expect(theirs.map((entry) => entry["enrichment_status"])).toEqual(["pending", "pending"]);
    expect(await resultsOf(database, other.listId)).toEqual([]);
  });

  it("stay untouched when a job names their batch", async () => {
    await addEntries(database, tenantId, listId, people(2));
    const { planId, batch } = await queueRun();
    await database.admin.query("delete from graphile_worker._private_jobs");
    const other = await createTenant(database);
    const lying = await queueJob(database, other.tenantId, "enrich_batch", batch.id);
    worker = await startTestWorker(database, { tasks: [enrichBatch] });
    expect(await untilStatus(database, lying, "dead")).toMatchObject({ error_code: "NOT_FOUND", attempt_count: 1 });
    expect(await batchesOf(database, planId)).toMatchObject([{ status: "queued", attempt_count: 0, progress_log: [] }]);
    expect((await entriesOf(database, listId)).map((entry) => entry["enrichment_status"])).toEqual([
      "pending",
      "pending",
    ]);
    const mine = await jobRow(database, await jobOfBatch(database, batch.id));
    expect(mine.status).toBe("queued");
  });
});
