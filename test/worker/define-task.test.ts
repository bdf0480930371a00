import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { RowhouseError } from "../../lib/errors.ts";
import type { WorkerApp } from "../../worker/app.ts";
import { defineTask, jobPayload, type Settlement, type TaskDefinition } from "../../worker/define-task.ts";
import type { JobContext } from "../../worker/job-context.ts";
import { asTenant, createTestDatabase, type TestDatabase } from "../support/database.ts";
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

let database: TestDatabase;
let worker: WorkerApp | undefined;
let tenantId: string;
let listId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, listId } = await createTenant(database));
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
  await database.admin.query("delete from graphile_worker._private_jobs");
});
afterAll(() => database.drop());

type Definition = Partial<TaskDefinition<z.output<typeof jobPayload>>>;

/** Starts a worker whose one task does this, and queues a job for it. */
async function start(run: (ctx: JobContext) => Promise<void>, more: Definition = {}, maxAttempts = 8): Promise<string> {
  const task = defineTask({ name: "try_it", payload: jobPayload, ...more, run });
  worker = await startTestWorker(database, { tasks: [task], drainMs: 200 });
  return queueJob(database, tenantId, "try_it", listId, maxAttempts);
}

describe("a job that succeeds", () => {
  it("works as the system role with the claims of its tenant and its system actor", async () => {
    let seen: Record<string, string> = {};
    const id = await start(async (ctx) =>
      ctx.inTenant(async (client) => {
        const { rows } = await client.query(
          `select current_user as role, app.tenant_id() as tenant, (select count(*) from lists.lists) as lists,
             (select kind from iam.actors where id = app.actor_id()) as actor`,
        );
        seen = rows[0];
      }),
    );
    await createTenant(database);
    await untilStatus(database, id, "succeeded");
    expect(seen).toEqual({ role: "rowhouse_system", tenant: tenantId, lists: "1", actor: "system" });
  });

  it("leaves its history and nothing in the queue", async () => {
    const id = await start(async () => {});
    const row = await untilStatus(database, id, "succeeded");
    expect(row).toMatchObject({ attempt_count: 1, progress: 1, error_code: null, worker_id: worker!.workerId });
    expect(row.finished_at).not.toBeNull();
    await until("the queue has forgotten it", async () => (await queueRows(database)).length === 0);
  });

  it("shows its progress and saves its counts while it runs", async () => {
    let goOn = false;
    const counted: unknown[] = [];
    const saveCounts: Definition["saveCounts"] = async (_client, _payload, counts) => void counted.push(counts);
    const id = await start(
      async (ctx) => {
        ctx.progress(0.4, { rows: 12 });
        while (!goOn) await sleep(20);
      },
      { saveCounts },
    );
    await until("the progress shows", async () => (await jobRow(database, id)).progress === 0.4);
    goOn = true;
    await untilStatus(database, id, "succeeded");
    expect(counted).toEqual([{ rows: 12 }]);
  });

  it("is not run again when the queue delivers it twice", async () => {
    let runs = 0;
    const id = await start(async () => void runs++);
    await untilStatus(database, id, "succeeded");
    await database.admin.query("select graphile_worker.add_job('try_it', $1)", [
      { tenantId, jobId: id, subjectId: listId },
    ]);
    await until("the second delivery is gone", async () => (await queueRows(database)).length === 0);
    expect(runs).toBe(1);
  });
});

describe("a job that fails", () => {
  it("is tried again and tells the tenant nothing of the inside", async () => {
    const id = await start(async (ctx) => {
      if (ctx.attempt > 1) return;
      await ctx.inTenant(async (client) => void (await client.query("select 'secret value'::int")));
    });
    const row = await untilStatus(database, id, "retrying");
    expect(row).toMatchObject({ attempt_count: 1, error_code: "INTERNAL" });
    expect(row.error_message).not.toMatch(/secret|integer|syntax/);
    await until("it waits", async () => (await queueRows(database)).every((job) => job.locked_by === null));
    expect(JSON.stringify(await queueRows(database))).not.toMatch(/secret|syntax/);
    await skipPauses(database);
    expect(await untilStatus(database, id, "succeeded")).toMatchObject({ attempt_count: 2, error_code: null });
  });

  it("waits longer after each attempt", async () => {
    const id = await start(async () => Promise.reject(new Error("no")));
    const pause = async () => {
      const { rows } = await database.admin.query<{ s: number }>(
        "select extract(epoch from run_at - now())::float8 as s from graphile_worker._private_jobs where locked_at is null and attempts > 0",
      );
      return rows[0]?.s;
    };
    await untilStatus(database, id, "retrying");
    const first = await until("it waits", pause);
    await skipPauses(database);
    await until("it was tried twice", async () => (await jobRow(database, id)).attempt_count === 2);
    const second = await until("it waits again", async () => ((await pause()) ?? 0) > first && pause());
    expect(second).toBeGreaterThan(first);
  });

  it("is dead after its last attempt, settles what it worked on, and runs again when it is retried", async () => {
    let isMended = false;
    const settled: Settlement[] = [];
    const id = await start(
      async () => {
        if (!isMended) throw new Error("no");
      },
      { settle: async (_client, _payload, settlement) => void settled.push(settlement) },
      2,
    );
    await untilStatus(database, id, "retrying");
    await until("it is dead", async () => {
      await skipPauses(database);
      return (await jobRow(database, id)).status === "dead";
    });
    expect(settled.map((each) => each.status)).toEqual(["retrying", "dead"]);
    await until("the queue has forgotten it", async () => (await queueRows(database)).length === 0);

    isMended = true;
    const retry = (client: { query: (sql: string, values: unknown[]) => Promise<unknown> }) =>
      client.query("select pipeline.retry_job($1)", [id]);
    await asTenant(database, { tenantId, role: "rowhouse_member" }, retry, { commit: true });
    expect(await untilStatus(database, id, "succeeded")).toMatchObject({ attempt_count: 1, error_code: null });
  });

  it.each([
    [
      "says so itself",
      (ctx: JobContext) => ctx.dead("VALIDATION_FAILED", "Column x is not there."),
      "VALIDATION_FAILED",
    ],
    [
      "met a mistake of the tenant",
      () => Promise.reject(new RowhouseError("NOT_FOUND", "There is no list.")),
      "NOT_FOUND",
    ],
  ])("is dead at once when it %s, with the message for the tenant", async (_, run, code) => {
    const id = await start(async (ctx) => void (await run(ctx)));
    const row = await untilStatus(database, id, "dead");
    expect(row).toMatchObject({ attempt_count: 1, error_code: code });
    expect(row.error_message).toMatch(/^(Column x|There is no list)/);
  });

  it("is dead with a hint when the database refuses it by one of our own errors", async () => {
    const id = await start(async (ctx) =>
      ctx.inTenant(async (client) => {
        await client.query("select app.raise('INVALID_STATE', 'The list is archived. Restore it first.')");
      }),
    );
    const row = await untilStatus(database, id, "dead");
    expect(row).toMatchObject({
      error_code: "INVALID_STATE",
      error_message: "The list is archived. Restore it first.",
    });
  });

  it("still ends when what it worked on cannot be told", async () => {
    const id = await start(async (ctx) => ctx.dead("INTERNAL", "no"), {
      settle: async (client) => void (await client.query("select 1 / 0")),
    });
    await untilStatus(database, id, "dead");
  });
});

describe("a job that is told to stop", () => {
  const cancel = (id: string) =>
    asTenant(
      database,
      { tenantId, role: "rowhouse_member" },
      (client) => client.query("select pipeline.cancel_job($1)", [id]),
      { commit: true },
    );

  it("ends at its next checkpoint when it is cancelled while it runs", async () => {
    const settled: string[] = [];
    const id = await start(
      async (ctx) => {
        for (;;) {
          await ctx.checkCancelled();
          await sleep(20);
        }
      },
      { settle: async (_client, _payload, { status }) => void settled.push(status) },
    );
    await untilStatus(database, id, "running");
    await cancel(id);
    expect(await untilStatus(database, id, "cancelled")).toMatchObject({ attempt_count: 1 });
    expect(settled).toEqual(["cancelled"]);
  });

  it("has its signal aborted even when it asks for nothing", async () => {
    const id = await start(async (ctx) => {
      await sleep(60_000, undefined, { signal: ctx.signal });
    });
    await untilStatus(database, id, "running");
    await cancel(id);
    await untilStatus(database, id, "cancelled");
  });

  it("never runs when it is cancelled while it waits, and its subject is settled", async () => {
    const id = await queueJob(database, tenantId, "try_it", listId);
    await cancel(id);
    const settled: string[] = [];
    let runs = 0;
    const task = defineTask({
      name: "try_it",
      payload: jobPayload,
      run: async () => void runs++,
      settle: async (_client, _payload, { status }) => void settled.push(status),
    });
    worker = await startTestWorker(database, { tasks: [task] });
    await until("the queue has forgotten it", async () => (await queueRows(database)).length === 0);
    expect([runs, settled]).toEqual([0, ["cancelled"]]);
  });

  it("runs again later, without counting the attempt, when it snoozes", async () => {
    let runs = 0;
    const id = await start(async (ctx) => {
      if (++runs === 1) ctx.snooze(50, "The provider is busy.");
    });
    expect(await untilStatus(database, id, "succeeded")).toMatchObject({ attempt_count: 1 });
    expect(runs).toBe(2);
  });
});

describe("a payload", () => {
  const add = (payload: object) => database.admin.query("select graphile_worker.add_job('try_it', $1)", [payload]);
  const forgotten = () => until("the queue has forgotten it", async () => (await queueRows(database)).length === 0);

  it("that names another tenant's job finds nothing and runs nothing", async () => {
    const other = await createTenant(database);
    const theirs = await queueJob(database, other.tenantId, "not_here");
    let runs = 0;
    await untilStatus(database, await start(async () => void runs++), "succeeded");
    await add({ tenantId, jobId: theirs, subjectId: listId });
    await until("only theirs waits", async () => (await queueRows(database)).length === 1);
    expect(runs).toBe(1);
    expect(await jobRow(database, theirs)).toMatchObject({ status: "queued", attempt_count: 0 });
  });

  it("of a tenant that is gone, or of no tenant, ends quietly", async () => {
    let runs = 0;
    await untilStatus(database, await start(async () => void runs++), "succeeded");
    const nowhere = "01900000-0000-7000-8000-000000000000";
    await add({ tenantId: nowhere, jobId: nowhere, subjectId: nowhere });
    await add({ hello: "world" });
    await forgotten();
    expect(runs).toBe(1);
  });

  it("that the task cannot read makes the job dead", async () => {
    const task = defineTask({ name: "try_it", payload: jobPayload.extend({ size: z.number() }), run: async () => {} });
    worker = await startTestWorker(database, { tasks: [task] });
    const id = await queueJob(database, tenantId, "try_it", listId);
    expect(await untilStatus(database, id, "dead")).toMatchObject({ error_code: "INTERNAL", attempt_count: 1 });
  });
});
