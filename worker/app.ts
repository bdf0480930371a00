import { EventEmitter } from "node:events";
import { run, type Runner, type TaskList, type WorkerEvents } from "graphile-worker";
import type { Pool } from "pg";
import type { Registry } from "prom-client";
import type { Config } from "../lib/config.ts";
import type { Log } from "../lib/log.ts";
import { createPool } from "../lib/pool.ts";
import { crontab as allSchedules, cronItems, type Schedule } from "./crontab.ts";
import type { Task, WorkerRuntime } from "./define-task.ts";
import { consumers as allConsumers } from "./feed/consumers.ts";
import type { Consumer } from "./feed/define-consumer.ts";
import { createFeedMetrics } from "./feed/feed-metrics.ts";
import { relayConcurrency, startRelay } from "./feed/relay.ts";
import { heartbeatTimes, startHeartbeat, type HeartbeatTimes } from "./heartbeat.ts";
import { createJobMetrics } from "./job-metrics.ts";
import { createQueueLog } from "./queue-log.ts";
import { tasks as allTasks } from "./tasks/index.ts";
import { deliveryConnections, startDelivering } from "./webhooks/deliver-webhooks.ts";
import { createWebhookMetrics } from "./webhooks/webhook-metrics.ts";

/** What a worker is made of; what is left out is what the process runs with. */
export interface WorkerOptions {
  /** Connection of role rowhouse_worker. */
  readonly databaseUrl: string;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Registry;
  readonly tasks?: readonly Task[];
  readonly crontab?: readonly Schedule[];
  readonly heartbeat?: HeartbeatTimes;
  readonly consumers?: readonly Consumer[];
  /** How long running jobs may go on after a stop was asked for, in milliseconds; then they are put back. */
  readonly drainMs?: number;
}

/** A running worker. */
export interface WorkerApp {
  /** The id the queue knows it by. */
  readonly workerId: string;
  readonly pool: Pool;
  /** Rejects when the queue ends by itself because of an error. */
  readonly failed: Promise<never>;
  /** Takes no more jobs, lets the running ones end or puts them back, and leaves nothing locked. */
  stop(): Promise<void>;
}

/** Starts taking jobs. Throws when the database cannot be reached. */
export async function startWorker({
  databaseUrl,
  config,
  log,
  metrics,
  tasks = allTasks,
  crontab,
  heartbeat = heartbeatTimes,
  consumers = allConsumers,
  drainMs = 10_000,
}: WorkerOptions): Promise<WorkerApp> {
  const concurrency = config.workerConcurrency;
  const pool = createPool({
    connectionString: databaseUrl,
    applicationName: "rowhouse worker",
    log,
    // Per job: its own work and the look after it; besides, the queue's and the heartbeat's, those of the feed, and of webhooks.
    size: Math.max(config.poolSize, concurrency * 2 + 4) + relayConcurrency + 1 + deliveryConnections,
  });
  const drain = new AbortController();
  const events: WorkerEvents = new EventEmitter();
  let workerId = "";
  events.on("pool:create", ({ workerPool }) => (workerId = workerPool.id));
  const runtime: WorkerRuntime = {
    pool,
    log,
    config,
    metrics: createJobMetrics(metrics),
    workerId: () => workerId,
    drain: drain.signal,
  };

  const runner = await startRunner(runtime, tasks, crontab, events).catch(async (error) => {
    await pool.end();
    throw error;
  });
  const pulse = await startHeartbeat(pool, log, workerId, heartbeat).catch(async (error) => {
    await runner.stop();
    await pool.end();
    throw error;
  });

  const relay =
    consumers.length > 0
      ? startRelay({ pool, databaseUrl, log, metrics: createFeedMetrics(metrics), consumers })
      : undefined;
  const deliverer = startDelivering({ pool, config, log, metrics: createWebhookMetrics(metrics) });

  let stopping: Promise<void> | undefined;
  const failed = runner.promise.then(() => new Promise<never>(() => {}));
  failed.catch(() => {});
  return {
    workerId,
    pool,
    failed,
    stop: () =>
      (stopping ??= (async () => {
        const timer = setTimeout(() => drain.abort(), drainMs);
        // A queue that ended by itself says so by refusing to stop; `failed` has told why.
        await Promise.all([runner.stop().catch(() => {}), relay?.stop(), deliverer.stop()]);
        clearTimeout(timer);
        await pulse.stop().catch((error) => log.warn({ err: error }, "the heartbeat's row stays until it is swept"));
        await pool.end();
      })()),
  };
}

async function startRunner(
  runtime: WorkerRuntime,
  tasks: readonly Task[],
  crontab: readonly Schedule[] | undefined,
  events: WorkerEvents,
): Promise<Runner> {
  const taskList: TaskList = Object.fromEntries(tasks.map((task) => [task.name, task.bind(runtime)]));
  const known = new Set(tasks.map((task) => task.name));
  const schedules = (crontab ?? allSchedules).filter(({ task }) => known.has(task));
  const runner = await run({
    pgPool: runtime.pool,
    taskList,
    parsedCronItems: cronItems(schedules),
    concurrency: runtime.config.workerConcurrency,
    events,
    noHandleSignals: true,
    logger: createQueueLog(runtime.log),
    // Without a delay of 0 the queue does not wait for a finished job to be forgotten, and a stop leaves it locked.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0, gracefulShutdownAbortTimeout: 60_000 } },
  });
  try {
    for (const { task, atStart } of schedules) {
      if (atStart) await runner.addJob(task, {}, { maxAttempts: 3, jobKey: `cron:${task}` });
    }
    return runner;
  } catch (error) {
    await runner.stop();
    throw error;
  }
}
