import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import {
  createTenant,
  jobRow,
  queueJob,
  queueRows,
  skipPauses,
  startTestWorker,
  untilStatus,
} from "../support/jobs.ts";
import { until } from "../support/until.ts";
import { hangOnce, startWorkerProcess, workOn, type WorkerProcess } from "../support/worker-process.ts";
import { heartbeatTimes } from "../../worker/heartbeat.ts";
import { claimJob, succeedWith } from "../../worker/job-history.ts";

let database: TestDatabase;
let tenantId: string;
let listId: string;
const started: WorkerProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map(({ child, end }) => child.exitCode ?? child.signalCode ?? end("SIGKILL")));
  await database.admin.query("delete from graphile_worker._private_jobs");
});
afterAll(() => database.drop());

/** Starts a worker process and queues a job for it; resolves when it works on the job. */
async function startWorking(task: string, drainMs?: number): Promise<{ process: WorkerProcess; id: string }> {
  ({ tenantId, listId } = await createTenant(database));
  const process = await startWorkerProcess(database.workerUrl, drainMs);
  started.push(process);
  const id = await queueJob(database, tenantId, task, listId);
  await process.working;
  return { process, id };
}

const runsOf = async (list: string) => {
  const { rows } = await database.admin.query("select metadata ->> 'runs' as runs from lists.lists where id = $1", [
    list,
  ]);
  return rows[0].runs;
};

it("is within a minute for a worker that dies at any moment, by the times that workers run with", () => {
  const { silentMs, sweepMs } = heartbeatTimes;
  expect(silentMs + sweepMs + 2_000).toBeLessThan(60_000);
  expect(silentMs).toBeGreaterThan(heartbeatTimes.beatMs * 3);
});

it("takes up the job of a worker that was killed, and its effect comes once", async () => {
  const { process, id } = await startWorking("hang_once");
  const killed = await jobRow(database, id);
  await process.end("SIGKILL");
  expect(await queueRows(database)).toMatchObject([{ locked_by: killed.worker_id }]);

  const worker = await startTestWorker(database, { tasks: [hangOnce, workOn] });
  try {
    const row = await untilStatus(database, id, "succeeded");
    expect(row).toMatchObject({ attempt_count: 2, worker_id: worker.workerId });
    expect(row.worker_id).not.toBe(killed.worker_id);
    expect(await runsOf(listId)).toBe("1");
    const { rows } = await database.admin.query("select worker_id from private.worker_heartbeats");
    expect(rows).toEqual([{ worker_id: worker.workerId }]);
  } finally {
    await worker.stop();
  }
});

it("gives a job up as dead when its workers die in every attempt", async () => {
  const { process, id } = await startWorking("hang_once");
  await process.end("SIGKILL");
  await database.admin.query("update pipeline.jobs set max_attempts = 1 where id = $1", [id]);
  const worker = await startTestWorker(database, { tasks: [hangOnce, workOn] });
  try {
    expect(await untilStatus(database, id, "dead")).toMatchObject({ error_code: "WORKER_LOST" });
    await until("the queue has forgotten it", async () => (await queueRows(database)).length === 0);
  } finally {
    await worker.stop();
  }
});

it("leaves a living worker's jobs alone", async () => {
  const { id } = await startWorking("hang_once");
  const worker = await startTestWorker(database, {
    tasks: [hangOnce, workOn],
    heartbeat: { beatMs: 100, silentMs: heartbeatTimes.silentMs, sweepMs: 100 },
  });
  try {
    const second = await queueJob(database, tenantId, "work_on", listId);
    await untilStatus(database, second, "succeeded");
    expect(await jobRow(database, id)).toMatchObject({ status: "running", attempt_count: 1 });
  } finally {
    await worker.stop();
  }
});

it("does not let a worker that was only thought dead write over the one that took its job", async () => {
  ({ tenantId, listId } = await createTenant(database));
  const id = await queueJob(database, tenantId, "nobody_does_this", listId);
  const first = await claimJob(database.worker, tenantId, id, "pool-asleep");
  const second = await claimJob(database.worker, tenantId, id, "pool-awake");
  if (first.kind !== "run" || second.kind !== "run") throw new Error("both should have got it");
  const rename = (name: string) => async (client: { query: (sql: string, values: unknown[]) => Promise<unknown> }) =>
    void (await client.query("update lists.lists set name = $2 where id = $1", [listId, name]));
  await expect(succeedWith(database.worker, first.attempt, rename("asleep"))).rejects.toThrow(
    /does not belong to worker/,
  );
  await succeedWith(database.worker, second.attempt, rename("awake"));
  const { rows } = await database.admin.query("select name from lists.lists where id = $1", [listId]);
  expect(rows).toEqual([{ name: "awake" }]);
});

it("ends on SIGTERM after its running job, with nothing left locked or waiting", async () => {
  const { process, id } = await startWorking("work_on");
  expect(await process.end("SIGTERM")).toBe(0);
  expect(await jobRow(database, id)).toMatchObject({ status: "succeeded", attempt_count: 1 });
  expect(await queueRows(database)).toEqual([]);
  const mine = "select from private.worker_heartbeats where process_id = $1";
  expect((await database.admin.query(mine, [process.child.pid])).rowCount).toBe(0);
});

it("puts a job back on SIGTERM that would take too long, without counting the attempt", async () => {
  const { process, id } = await startWorking("hang_once", 300);
  expect(await process.end("SIGTERM")).toBe(0);
  expect(await jobRow(database, id)).toMatchObject({ status: "queued", attempt_count: 0 });
  const rows = await queueRows(database);
  expect(rows).toMatchObject([{ locked_by: null, key: `${tenantId}:${id}` }]);
});

it("ends when the parent that started it is gone", async () => {
  const { process, id } = await startWorking("work_on");
  const exited = new Promise((resolve) => process.child.once("exit", resolve));
  process.child.disconnect();
  expect(await exited).toBe(0);
  expect(await jobRow(database, id)).toMatchObject({ status: "succeeded" });
  await skipPauses(database);
  expect(await queueRows(database)).toEqual([]);
});
