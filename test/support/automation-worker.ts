import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { createMetrics } from "../../lib/metrics.ts";
import { startWorker } from "../../worker/app.ts";
import { testConfig } from "./jobs.ts";

/** Starts a worker with everything in a process of its own, and waits until it runs. */
export async function startAutomationWorkerProcess(databaseUrl: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.url), [databaseUrl], {
    env: { PATH: process.env.PATH, NODE_ENV: "test" },
    execArgv: [],
  });
  await once(child, "message");
  return child;
}

const [script, databaseUrl] = process.argv.slice(1);
if (script === fileURLToPath(import.meta.url) && databaseUrl) {
  const log = pino({ level: "silent" });
  const heartbeat = { beatMs: 300, silentMs: 1_500, sweepMs: 300 };
  await startWorker({
    databaseUrl,
    config: testConfig(),
    log,
    metrics: createMetrics("worker"),
    crontab: [],
    heartbeat,
  });
  process.send?.({ type: "ready" });
}
