import type { JobHelpers, Task as QueueTask } from "graphile-worker";
import type { Pool, PoolClient } from "pg";
import { z } from "zod";
import type { Config } from "../lib/config.ts";
import type { Log } from "../lib/log.ts";
import type { Counts, JobContext } from "./job-context.ts";
import type { JobMetrics } from "./job-metrics.ts";
import { runJob } from "./run-job.ts";

/** What every job that SQL queues carries; task payloads extend it. */
export const jobPayload = z.object({ tenantId: z.uuid(), jobId: z.uuid(), subjectId: z.uuid() });

/** The payload that every task has at least. */
export type JobPayload = z.output<typeof jobPayload>;

/** What the tasks of one worker process share. */
export interface WorkerRuntime {
  readonly pool: Pool;
  readonly log: Log;
  readonly config: Config;
  readonly metrics: JobMetrics;
  /** The id the queue knows this worker by. */
  readonly workerId: () => string;
  /** Aborted when running jobs must stop because the worker does. */
  readonly drain: AbortSignal;
}

/** How a job ended that did not succeed, for the row it worked on. */
export interface Settlement {
  /** Cancelled and dead are final; retrying jobs run again later. */
  readonly status: "cancelled" | "dead" | "retrying";
  readonly code: string | null;
  readonly message: string | null;
}

/** What a task is made of. */
export interface TaskDefinition<Payload extends JobPayload, Name extends string = string> {
  /** The identifier that SQL queues it by. */
  readonly name: Name;
  readonly payload: z.ZodType<Payload>;
  /** Does the work. Returning means success; throwing an error means another attempt, unless it can never succeed. */
  run(ctx: JobContext, payload: Payload): Promise<void>;
  /** Writes noted counts to the row the job works on, about once a second, within the job's tenant. */
  saveCounts?(client: PoolClient, payload: Payload, counts: Counts): Promise<void>;
  /** Writes to the row the job works on how the job ended; in one transaction with the history. May be called again. */
  settle?(client: PoolClient, payload: Payload, settlement: Settlement, config: Config): Promise<void>;
}

/** A task of the worker: its name, and what the queue calls. */
export interface Task<Name extends string = string> {
  readonly name: Name;
  bind(runtime: WorkerRuntime): QueueTask;
}

/**
 * A task that works on one row of one tenant. Its jobs have a history in pipeline.jobs, are retried with growing
 * pauses, become dead after their last attempt, can be cancelled, and survive the death of a worker.
 */
export function defineTask<const Name extends string, Payload extends JobPayload>(
  definition: TaskDefinition<Payload, Name>,
): Task<Name> {
  return {
    name: definition.name,
    bind: (runtime) => async (payload: unknown, helpers: JobHelpers) => runJob(runtime, definition, payload, helpers),
  };
}

/** What a maintenance task works with. */
export interface MaintenanceContext {
  readonly pool: Pool;
  readonly log: Log;
  readonly config: Config;
  readonly signal: AbortSignal;
}

/** A scheduled task of the house itself: no tenant, no history; it reaches across tenants by named functions only. */
export function defineMaintenance<const Name extends string>(
  name: Name,
  run: (ctx: MaintenanceContext) => Promise<void>,
): Task<Name> {
  return {
    name,
    bind: (runtime) => async () => {
      const { pool, config, drain } = runtime;
      await runtime.metrics.timed(name, async () => {
        await run({ pool, config, signal: drain, log: runtime.log.child({ task: name }) });
        return "succeeded";
      });
    },
  };
}
