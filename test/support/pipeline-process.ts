import { fork, type ChildProcess } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { createMetrics } from "../../lib/metrics.ts";
import { startWorker } from "../../worker/app.ts";
import { prepareStep } from "../../worker/pipelines/steps.ts";
import { runPipelineWith } from "../../worker/tasks/run-pipeline.ts";
import { testConfig } from "./jobs.ts";
import { until } from "./until.ts";

/** A worker in a process of its own that freezes within a run. */
export interface FrozenRunner {
  readonly child: ChildProcess;
  /** Resolves once the process stands still. */
  readonly frozen: Promise<unknown>;
}

/** Starts a process that runs blueprints until it comes to a step of this name; there it freezes for good. */
export async function startFreezingRunner(
  databaseUrl: string,
  stepName: string,
  markFile: string,
  dataDir: string,
): Promise<FrozenRunner> {
  const child = fork(fileURLToPath(import.meta.url), [databaseUrl, stepName, markFile, dataDir], {
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

const [script, databaseUrl, stepName, markFile, dataDir] = process.argv.slice(1);
if (script === fileURLToPath(import.meta.url) && databaseUrl && markFile && dataDir) {
  const freezing = runPipelineWith((spec) => {
    const step = prepareStep(spec);
    return {
      run(records, context) {
        if (spec.name !== stepName) return step.run(records, context);
        writeFileSync(markFile, "");
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        return [];
      },
    };
  });
  await startWorker({
    databaseUrl,
    config: testConfig(dataDir),
    log: pino({ level: "silent" }),
    metrics: createMetrics("worker"),
    tasks: [freezing],
    crontab: [],
  });
  process.send?.({ type: "ready" });
}
