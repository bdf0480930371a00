import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { fork } from "node:child_process";
import { once } from "node:events";
import type { PoolClient } from "pg";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
import {
  createTenant,
  inTenant,
  jobRow,
  queueRows,
  skipPauses,
  startTestWorker,
  untilStatus,
} from "../support/jobs.ts";
import { stagedImports } from "../support/staged-imports.ts";
import { testSecret } from "../support/test-urls.ts";
import { until } from "../support/until.ts";
import type { WorkerApp } from "../../worker/app.ts";

let database: TestDatabase;
let tenantId: string;
let listId: string;
const workers: WorkerApp[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  ({ tenantId, listId } = await createTenant(database));
});
afterAll(async () => {
  for (const worker of workers) await worker.stop();
  await database?.drop();
});

const rows = [{ email: "a@x.org" }, { email: "b@x.org" }, { email: "a@x.org", city: "Rome" }];

/** An import whose file has come in; the job that merges it is queued by the change of its status. */
async function uploaded(): Promise<{ importId: string; jobId: string }> {
  const importId = await stagedImports(database, tenantId).stage(listId, "skip", rows);
  await change("update lists.list_imports set status = 'failed' where id = $1", importId);
  await change("update lists.list_imports set status = 'uploading' where id = $1", importId);
  await change("update lists.list_imports set status = 'queued', uploaded_at = now() where id = $1", importId);
  return { importId, jobId: await jobOf(importId) };
}

const change = (sql: string, id: string) => inTenant(database, tenantId, (client) => client.query(sql, [id]));

async function jobOf(importId: string): Promise<string> {
  const found = await database.admin.query<{ id: string }>(
    "select id from pipeline.jobs where subject_id = $1 order by id desc",
    [importId],
  );
  return found.rows[0]!.id;
}

const statusOf = async (importId: string) =>
  (await database.admin.query("select status from lists.list_imports where id = $1", [importId])).rows[0].status;

const entryCount = async () =>
  (await database.admin.query("select from lists.list_entries where list_id = $1 and deleted_at is null", [listId]))
    .rowCount;

const stagingCount = async () =>
  (await database.admin.query("select from pg_class where relnamespace = 'staging'::regnamespace and relkind = 'r'"))
    .rowCount;

async function startWorker(): Promise<WorkerApp> {
  const worker = await startTestWorker(database);
  workers.push(worker);
  return worker;
}

async function stopWorkers(): Promise<void> {
  for (const worker of workers.splice(0)) await worker.stop();
}

/** Calls a verb of the API as a member. */
const verb = (name: string, id: string) =>
  asTenant(
    database,
    { tenantId, role: "rowhouse_member" },
    async (client) => (await client.query(`select * from ${name}($1)`, [id])).rows[0],
    { commit: true },
  );

/** Keeps merges standing still in the middle, while they insert. */
async function whileEntriesAreLocked(work: () => Promise<void>): Promise<void> {
  const client: PoolClient = await database.admin.connect();
  try {
    await client.query("begin; lock table lists.list_entries in share row exclusive mode");
    await work();
  } finally {
    await client.query("rollback");
    client.release();
  }
}

const untilItMerges = () =>
  until("a merge waits for the entries", async () => {
    const { rowCount } = await database.admin.query(
      "select from pg_stat_activity where query ~ 'lists.merge_import' and wait_event_type = 'Lock' and datname = current_database()",
    );
    return rowCount !== 0;
  });

test("a queued import is merged once, by one job, and leaves no table behind", async () => {
  const { importId, jobId } = await uploaded();
  await startWorker();
  await untilStatus(database, jobId, "succeeded");
  expect([await statusOf(importId), await entryCount(), await stagingCount()]).toEqual(["completed", 2, 0]);
  await stopWorkers();
});

test("a merge whose worker is killed in the middle is done again by another, with nothing twice", async () => {
  const { importId, jobId } = await uploaded();
  const child = fork("worker/main.ts", {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_WORKER_DATABASE_URL: database.workerUrl,
      ROWHOUSE_LOG_LEVEL: "silent",
    },
    execArgv: [],
  });
  const exited = once(child, "exit");
  await whileEntriesAreLocked(async () => {
    await untilItMerges();
    expect(await statusOf(importId)).toBe("merging");
    child.kill("SIGKILL");
    await exited;
  });
  expect(await entryCount()).toBe(0);
  await startWorker();
  await untilStatus(database, jobId, "succeeded");
  expect([await statusOf(importId), await entryCount(), await stagingCount()]).toEqual(["completed", 2, 0]);
  expect(await jobRow(database, jobId)).toMatchObject({ attempt_count: 2 });
  await stopWorkers();
});

test("a merge is cancelled while it runs: the list is as before, and the rows are gone", async () => {
  const { importId, jobId } = await uploaded();
  await startWorker();
  await whileEntriesAreLocked(async () => {
    await untilItMerges();
    expect(await verb("lists.cancel_import", importId)).toMatchObject({ status: "cancelled" });
    // The lock is still held: the statement itself was cancelled.
    await untilStatus(database, jobId, "cancelled");
  });
  expect([await statusOf(importId), await entryCount(), await stagingCount()]).toEqual(["cancelled", 0, 0]);
  await stopWorkers();
});

test("an import is cancelled before its merge begins, and no worker takes it up", async () => {
  const { importId, jobId } = await uploaded();
  expect(await verb("lists.cancel_import", importId)).toMatchObject({ status: "cancelled" });
  expect(await stagingCount()).toBe(0);
  await startWorker();
  await until("the queue is empty", async () => (await queueRows(database)).length === 0);
  expect(await jobRow(database, jobId)).toMatchObject({ status: "cancelled", attempt_count: 0 });
  expect([await statusOf(importId), await entryCount()]).toEqual(["cancelled", 0]);
  await stopWorkers();
});

test("a merge that fails is tried again by the same job, and one that is dead is retried with its rows", async () => {
  const { importId, jobId } = await uploaded();
  await database.admin.query(
    "alter table lists.list_entries add constraint broken_check check (email <> 'b@x.org') not valid",
  );
  try {
    await change("update pipeline.jobs set max_attempts = 2 where id = $1", jobId);
    await startWorker();
    await until(
      "the first attempt failed",
      async () =>
        (await jobRow(database, jobId)).attempt_count === 1 && (await jobRow(database, jobId)).status === "retrying",
    );
    expect(await statusOf(importId)).toBe("merging");
    await skipPauses(database);
    await untilStatus(database, jobId, "dead");
    expect(await statusOf(importId)).toBe("failed");
    const jobs = await database.admin.query("select from pipeline.jobs where subject_id = $1", [importId]);
    expect(jobs.rowCount).toBe(1);
  } finally {
    await database.admin.query("alter table lists.list_entries drop constraint broken_check");
  }
  await verb("pipeline.retry_job", jobId);
  await untilStatus(database, jobId, "succeeded");
  expect([await statusOf(importId), await entryCount(), await stagingCount()]).toEqual(["completed", 2, 0]);
  await stopWorkers();
});

test("a completed import is undone by a job, and only once", async () => {
  const { importId, jobId } = await uploaded();
  await startWorker();
  await untilStatus(database, jobId, "succeeded");
  await expect(verb("lists.cancel_import", importId)).rejects.toThrow(/Undo it instead/);
  expect(await verb("lists.undo_import", importId)).toMatchObject({ status: "undoing" });
  await until("the import is undone", async () => (await statusOf(importId)) === "undone");
  expect(await entryCount()).toBe(0);
  await expect(verb("lists.undo_import", importId)).rejects.toMatchObject({ code: "RH006" });
  await stopWorkers();
});

test("the import of another tenant can be neither cancelled nor undone", async () => {
  const { importId } = await uploaded();
  ({ tenantId, listId } = await createTenant(database));
  await expect(verb("lists.cancel_import", importId)).rejects.toMatchObject({ code: "RH002" });
  await expect(verb("lists.undo_import", importId)).rejects.toMatchObject({ code: "RH002" });
  expect(await statusOf(importId)).toBe("queued");
});
