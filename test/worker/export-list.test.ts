import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { PoolClient } from "pg";
import { asTenant } from "../support/database.ts";
import { openExportHouse, untilExport, type ExportHouse } from "../support/exports.ts";
import { createTenant, inTenant, insertEntries, queueRows, startTestWorker } from "../support/jobs.ts";
import { testSecret } from "../support/test-urls.ts";
import { until } from "../support/until.ts";

let house: ExportHouse;

beforeAll(async () => {
  house = await openExportHouse({ withWorker: false });
});
afterAll(() => house.close());

/** A tenant with a list of three entries. */
async function createList(): Promise<{ tenantId: string; listId: string }> {
  const made = await createTenant(house.database);
  const entries = ["a", "b", "c"].map((full_name) => ({ full_name, data: {} }));
  await insertEntries(house.database, made.tenantId, made.listId, entries);
  return made;
}

/** Keeps everybody from reading entries while `work` runs, so that an export stands still in the middle. */
async function whileEntriesAreLocked(work: () => Promise<void>): Promise<void> {
  const client: PoolClient = await house.database.admin.connect();
  try {
    await client.query("begin; lock table lists.list_entries in access exclusive mode");
    await work();
  } finally {
    await client.query("rollback");
    client.release();
  }
}

/** Waits until an export writes: its draft is on disk, and its statement waits for the lock. */
async function untilItWrites(exportId: string): Promise<void> {
  await untilExport(house, exportId, "running");
  await until("its draft is there", async () => (await house.stored()).some((name) => name.includes(exportId)));
  await until("its statement waits", async () => {
    const { rowCount } = await house.database.admin.query(
      "select from pg_stat_activity where query ~* '^copy' and wait_event_type = 'Lock' and datname = current_database()",
    );
    return rowCount !== 0;
  });
}

/** The worker as it is run in production, in a process of its own. */
async function startRealWorker(): Promise<ChildProcess> {
  const child = fork("worker/main.ts", {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      ROWHOUSE_SECRET: testSecret,
      ROWHOUSE_DATA_DIR: house.config.dataDir,
      ROWHOUSE_WORKER_DATABASE_URL: house.database.workerUrl,
      ROWHOUSE_LOG_LEVEL: "silent",
    },
    execArgv: [],
  });
  const [message] = await once(child, "message");
  expect(message).toEqual({ type: "ready" });
  return child;
}

it("is done again after its worker was killed in the middle, once, with nothing left behind", async () => {
  const { tenantId, listId } = await createList();
  const child = await startRealWorker();
  const exited = once(child, "exit");
  let id = "";
  await whileEntriesAreLocked(async () => {
    ({ id } = await house.start(tenantId, listId, { columns: ["full_name"], tag: "out" }));
    await untilItWrites(id);
    child.kill("SIGKILL");
    await exited;
  });
  expect(await house.stored()).toEqual([expect.stringMatching(/\.part$/)]);
  expect(await queueRows(house.database)).toMatchObject([{ locked_by: expect.any(String) }]);

  const worker = await startTestWorker(house.database, { config: house.config });
  try {
    await untilExport(house, id, "succeeded");
    expect((await house.content(id)).toString()).toBe("full_name\na\nb\nc\n");
    expect(await house.stored()).toEqual([(await house.file(id)).storage_key]);
  } finally {
    await worker.stop();
  }
});

it("is finished by a worker that is asked to stop meanwhile", async () => {
  const { tenantId, listId } = await createList();
  const child = await startRealWorker();
  const exited = once(child, "exit");
  let id = "";
  await whileEntriesAreLocked(async () => {
    ({ id } = await house.start(tenantId, listId));
    await untilItWrites(id);
    child.kill("SIGTERM");
  });
  expect(await exited).toEqual([0, null]);
  expect(await house.row(id)).toMatchObject({ status: "succeeded", row_count: "3" });
  expect(await queueRows(house.database)).toEqual([]);
});

it("stops within seconds when it is cancelled while it writes, and removes what it wrote", async () => {
  const { tenantId, listId } = await createList();
  const worker = await startTestWorker(house.database, { config: house.config });
  try {
    let id = "";
    await whileEntriesAreLocked(async () => {
      ({ id } = await house.start(tenantId, listId, { tag: "out" }));
      await untilItWrites(id);
      const cancelled = await asTenant(
        house.database,
        { tenantId, role: "rowhouse_member" },
        async (client) => (await client.query("select * from lists.cancel_export($1)", [id])).rows[0],
        { commit: true },
      );
      expect(cancelled).toMatchObject({ status: "running", cancel_requested_at: expect.any(Date) });
      await untilExport(house, id, "cancelled");
    });
    expect((await house.stored()).filter((name) => name.includes(id))).toEqual([]);
    const tagged = "select from lists.list_entries where list_id = $1 and tag is not null";
    expect((await house.database.admin.query(tagged, [listId])).rowCount).toBe(0);
    const next = await house.run(tenantId, listId);
    expect(next).toMatchObject({ status: "succeeded", row_count: "3" });
  } finally {
    await worker.stop();
  }
});

it("runs again when it failed, its cause was mended, and it is retried", async () => {
  const { tenantId, listId } = await createList();
  const { id } = await house.start(tenantId, listId, { filter: { nope: {} } });
  const worker = await startTestWorker(house.database, { config: house.config });
  try {
    await untilExport(house, id, "failed");
    await inTenant(house.database, tenantId, async (client) => {
      await client.query("update lists.export_jobs set filter = '{}' where id = $1", [id]);
      await client.query("select pipeline.retry_job(j.id) from pipeline.jobs j where j.subject_id = $1", [id]);
    });
    expect(await untilExport(house, id, "succeeded")).toMatchObject({ row_count: "3", error_code: null });
  } finally {
    await worker.stop();
  }
});

it("is cleared away when its time is over", async () => {
  const { tenantId, listId } = await createList();
  const worker = await startTestWorker(house.database, { config: house.config });
  try {
    const old = await house.run(tenantId, listId);
    const young = await house.run(tenantId, listId);
    const keys = [await house.file(old.id), await house.file(young.id)].map((file) => file.storage_key);
    await house.database.admin.query(
      "update lists.export_files set expires_at = now() - interval '1 second' where export_job_id = $1",
      [old.id],
    );
    await house.database.admin.query("select graphile_worker.add_job('remove_expired_exports')");
    await untilExport(house, old.id, "expired");
    expect(await house.stored()).toContain(keys[1]);
    expect(await house.stored()).not.toContain(keys[0]);
    await expect(house.file(old.id)).rejects.toThrow(/has 0 files/);
    expect(await house.row(young.id)).toMatchObject({ status: "succeeded" });
  } finally {
    await worker.stop();
  }
});

it("of 50,000 entries takes no more memory than one of a few", async () => {
  const { tenantId, listId } = await createTenant(house.database);
  await inTenant(house.database, tenantId, (client) =>
    client.query(
      `insert into lists.list_entries (list_id, full_name, data)
       select $1, 'Person ' || i, jsonb_build_object('Note', repeat('all work and no play ', 150))
       from generate_series(1, 50000) i`,
      [listId],
    ),
  );
  const worker = await startTestWorker(house.database, { config: house.config });
  // What is really held: garbage that nobody has collected yet would tell of the collector's mood only.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  try {
    await house.run(tenantId, listId, { filter: { fullName: { equalTo: "Person 1" } }, columns: ["data.Note"] });
    const before = used();
    let peak = before;
    // Looking takes the longer, the more the process holds of other tests: most of the time is left to the export.
    let sampler: NodeJS.Timeout;
    const sample = () => {
      const since = performance.now();
      peak = Math.max(peak, used());
      sampler = setTimeout(sample, Math.max(300, 5 * (performance.now() - since)));
    };
    sample();
    const { id, byte_count } = await house
      .run(tenantId, listId, { columns: ["full_name", "data.Note"] })
      .finally(() => clearTimeout(sampler));
    expect(Number(byte_count)).toBeGreaterThan(150_000_000);
    expect(peak - before).toBeLessThan(75_000_000);
    expect(await house.file(id)).toMatchObject({ row_count: "50000" });
  } finally {
    await worker.stop();
  }
});
