import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { createLifecycle } from "../../lib/lifecycle.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { startWorker } from "../../worker/app.ts";
import { defineTask, jobPayload } from "../../worker/define-task.ts";
import { testConfig } from "./jobs.ts";

/** Adds one to the `runs` of the list that the job works on. */
const addRun = `update lists.lists
  set metadata = metadata || jsonb_build_object('runs', coalesce((metadata ->> 'runs')::int, 0) + 1) where id = $1`;

/** A task that tells the parent when it works, then hangs on its first attempt, and counts its runs on the others. */
export const hangOnce = defineTask({
  name: "hang_once",
  payload: jobPayload,
  async run(ctx, { subjectId }) {
    process.send?.({ type: "working", attempt: ctx.attempt });
    while (ctx.attempt === 1) {
      await sleep(20);
      await ctx.checkCancelled();
    }
    await ctx.succeed(async (client) => void (await client.query(addRun, [subjectId])));
  },
});

/** A task that works for a while whatever happens, then counts its run. */
export const workOn = defineTask({
  name: "work_on",
  payload: jobPayload,
  async run(ctx, { subjectId }) {
    process.send?.({ type: "working", attempt: ctx.attempt });
    await sleep(700);
    await ctx.succeed(async (client) => void (await client.query(addRun, [subjectId])));
  },
});

/** A worker in a process of its own. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Resolves when a task in it has begun to work. */
  readonly working: Promise<unknown>;
  /** Sends a signal and waits for the end; returns the exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a process that runs the tasks above, and waits until it takes jobs. */
export async function startWorkerProcess(databaseUrl: string, drainMs = 10_000): Promise<WorkerProcess> {
  const child = fork(fileURLToPath(import.meta.url), [databaseUrl, String(drainMs)], {
    env: { PATH: process.env.PATH, NODE_ENV: "test" },
    execArgv: [],
  });
  const working = new Promise((resolve) => {
    child.on("message", (message: { type: string }) => message.type === "working" && resolve(message));
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`The worker process ended with ${code} before it was ready.`))),
  ]);
  return {
    child,
    working,
    async end(signal) {
      child.kill(signal);
      return (await exited)[0];
    },
  };
}

const [script, databaseUrl, drainMs] = process.argv.slice(1);
if (script === fileURLToPath(import.meta.url) && databaseUrl) {
  const log = pino({ level: "silent" });
  const lifecycle = createLifecycle({ log });
  const app = await startWorker({
    databaseUrl,
    config: testConfig(),
    log,
    metrics: createMetrics("worker"),
    tasks: [hangOnce, workOn],
    crontab: [],
    drainMs: Number(drainMs),
  });
  lifecycle.onClose("worker", () => app.stop());
  process.send?.({ type: "ready" });
}
