import { fork, type ChildProcess } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { createMetrics } from "../../lib/metrics.ts";
import { startWorker } from "../../worker/app.ts";
import { prepareBlock } from "../../worker/blocks/index.ts";
import { enrichBatchWith } from "../../worker/tasks/enrich-batch.ts";
import { testConfig } from "./jobs.ts";
import { until } from "./until.ts";

/** A worker in a process of its own that freezes within a batch. */
export interface FrozenWorker {
  readonly child: ChildProcess;
  /** Resolves once the process stands still. */
  readonly frozen: Promise<unknown>;
}

/** Starts a process that enriches batches until it meets an entry with this full name; there it freezes for good. */
export async function startFreezingWorker(
  databaseUrl: string,
  fullName: string,
  markFile: string,
): Promise<FrozenWorker> {
  const child = fork(fileURLToPath(import.meta.url), [databaseUrl, fullName, markFile], {
    env: { PATH: process.env.PATH, NODE_ENV: "test" },
    execArgv: [],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`The worker process ended with ${code} before it was ready.`))),
  ]);
  return { child, frozen: until("the worker process has frozen", async () => existsSync(markFile)) };
}

const [script, databaseUrl, fullName, markFile] = process.argv.slice(1);
if (script === fileURLToPath(import.meta.url) && databaseUrl && markFile) {
  const freezing = enrichBatchWith((block, config) => {
    const step = prepareBlock(block, config);
    return {
      ...step,
      run(entry) {
        if (entry.fullName === fullName) {
          writeFileSync(markFile, "");
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        }
        return step.run(entry);
      },
    };
  });
  await startWorker({
    databaseUrl,
    config: testConfig(),
    log: pino({ level: "silent" }),
    metrics: createMetrics("worker"),
    tasks: [freezing],
    crontab: [],
  });
  process.send?.({ type: "ready" });
}
