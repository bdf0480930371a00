import type { JobHelpers } from "graphile-worker";
import type { PoolClient } from "pg";
import type { Log } from "../lib/log.ts";
import { inTenantTransaction } from "../lib/tenant-transaction.ts";
import {
  jobPayload,
  type JobPayload,
  type Settlement,
  type TaskDefinition,
  type WorkerRuntime,
} from "./define-task.ts";
import { openJobContext } from "./job-context.ts";
import { claimJob, endAttempt, queueAgain, succeedWith, type Attempt, type Ending } from "./job-history.ts";
import { Cancelled, Dead, describeFailure, Redeliver, Snoozed, Superseded } from "./outcomes.ts";

/** One job on its way through the worker. */
interface Run<Payload extends JobPayload> {
  readonly runtime: WorkerRuntime;
  readonly task: TaskDefinition<Payload>;
  readonly payload: Payload;
  readonly log: Log;
  readonly helpers: JobHelpers;
}

/**
 * Runs one delivery of a job: takes its row, does the task's work, and writes down how it ended. Returns when the queue
 * may forget the job; throws, without a detail of what failed, when the queue is to deliver it again.
 */
export async function runJob<Payload extends JobPayload>(
  runtime: WorkerRuntime,
  task: TaskDefinition<Payload>,
  input: unknown,
  helpers: JobHelpers,
): Promise<void> {
  const log = runtime.log.child({ task: task.name, queueJobId: helpers.job.id });
  const base = jobPayload.safeParse(input);
  if (!base.success) return log.error({ issues: base.error.issues }, "a job without a tenant was dropped");
  const { tenantId, jobId } = base.data;
  const jobLog = log.child({ tenantId, jobId });
  const parsed = task.payload.safeParse(input);
  // A payload that the task does not take ends the job; settling it needs no more than what every payload has.
  const payload = parsed.success ? parsed.data : (base.data as Payload);
  const run: Run<Payload> = { runtime, task, payload, log: jobLog, helpers };
  await runtime.metrics.timed(task.name, async () => {
    const startedAt = performance.now();
    const outcome = await deliver(run, parsed.success).catch((error) => {
      if (error instanceof Redeliver) throw error;
      jobLog.error({ err: error }, "how a job ended could not be written down");
      throw new Redeliver("The job could not be taken or ended; it is delivered again.");
    });
    jobLog.info({ outcome, durationMs: Math.round(performance.now() - startedAt) }, "job ended");
    return outcome;
  });
}

async function deliver<Payload extends JobPayload>(run: Run<Payload>, isValid: boolean): Promise<string> {
  const { runtime, payload, log } = run;
  const claim = await claimJob(runtime.pool, payload.tenantId, payload.jobId, runtime.workerId());
  switch (claim.kind) {
    case "gone":
      log.info("the job's row or tenant is gone; nothing to do");
      return "gone";
    case "over":
      return claim.status;
    case "busy":
      throw new Redeliver("Another worker runs this job; it is delivered again.");
    case "settle":
      await inTenantTransaction(runtime.pool, claim.attempt, (client) => settle(run, { status: "cancelled" })(client));
      return "cancelled";
    case "cancel":
      return end(run, claim.attempt, { status: "cancelled" });
    case "lost":
      return end(run, claim.attempt, { status: "dead", isPermanent: true, ...lost(claim.attempt) });
    case "run":
      return isValid ? work(run, claim.attempt) : conclude(run, claim.attempt, badPayload(run.task.name));
  }
}

const lost = (attempt: Attempt) => ({
  code: "WORKER_LOST",
  message: `The worker died in each of ${attempt.number} attempts at this job. Retry it, or ask support to look at the log.`,
});

const badPayload = (name: string) => new Dead("INTERNAL", `The job does not carry what the task ${name} needs.`);

async function work<Payload extends JobPayload>(run: Run<Payload>, attempt: Attempt): Promise<string> {
  const { runtime, task, payload } = run;
  const ctx = openJobContext({
    pool: runtime.pool,
    config: runtime.config,
    drain: runtime.drain,
    log: run.log,
    attempt,
    saveCounts: task.saveCounts && ((client, counts) => task.saveCounts!(client, payload, counts)),
  });
  try {
    await task.run(ctx, payload);
    await ctx.close();
    if (!ctx.hasSucceeded()) await succeedWith(runtime.pool, attempt, async () => {});
    return "succeeded";
  } catch (error) {
    await ctx.close();
    if (ctx.hasSucceeded()) {
      run.log.warn({ err: error }, "a task failed after its work was done");
      return "succeeded";
    }
    // Once a job is told to stop, whatever it throws on its way out is the consequence.
    return conclude(run, attempt, ctx.signal.aborted ? ctx.signal.reason : error);
  }
}

async function conclude<Payload extends JobPayload>(
  run: Run<Payload>,
  attempt: Attempt,
  error: unknown,
): Promise<string> {
  if (error instanceof Superseded) {
    run.log.warn({ attempt: attempt.number }, error.message);
    throw new Redeliver(error.message);
  }
  if (error instanceof Cancelled) return end(run, attempt, { status: "cancelled" });
  if (error instanceof Snoozed) {
    await end(run, attempt, { status: "queued", reason: error.message }, error.afterMs);
    return "snoozed";
  }
  const failure = describeFailure(error);
  const isOver = failure.isPermanent || attempt.number >= attempt.maxAttempts;
  run.log[isOver ? "error" : "warn"]({ err: error, attempt: attempt.number, code: failure.code }, "a job failed");
  await end(run, attempt, { status: isOver ? "dead" : "retrying", ...failure });
  if (isOver) return "dead";
  throw new Redeliver(`Attempt ${attempt.number} of ${attempt.maxAttempts} failed: ${failure.code}`);
}

async function end<Payload extends JobPayload>(
  run: Run<Payload>,
  attempt: Attempt,
  ending: Ending,
  againAfterMs?: number,
): Promise<string> {
  const { pool } = run.runtime;
  const again = async (client: PoolClient) => {
    if (againAfterMs !== undefined) await queueAgain(client, run.helpers.job, againAfterMs);
  };
  const settled = settle(run, ending);
  try {
    await endAttempt(pool, attempt, ending, async (client) => {
      await settled(client);
      await again(client);
    });
  } catch (error) {
    if (error instanceof Superseded) throw new Redeliver(error.message);
    run.log.error({ err: error }, "what a job worked on could not be told how it ended");
    await endAttempt(pool, attempt, ending, again);
  }
  return ending.status;
}

function settle<Payload extends JobPayload>(run: Run<Payload>, ending: Ending) {
  return async (client: PoolClient): Promise<void> => {
    if (ending.status === "queued") return;
    const failure = "code" in ending ? ending : undefined;
    const settlement: Settlement = {
      status: ending.status,
      code: failure?.code ?? null,
      message: failure?.message ?? null,
    };
    await run.task.settle?.(client, run.payload, settlement, run.runtime.config);
  };
}
