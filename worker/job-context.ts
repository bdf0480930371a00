import type { Pool, PoolClient } from "pg";
import type { Config } from "../lib/config.ts";
import type { Log } from "../lib/log.ts";
import { inTenantTransaction } from "../lib/tenant-transaction.ts";
import { checkIn, inAttempt, succeedWith, type Attempt } from "./job-history.ts";
import { Cancelled, Dead, Snoozed, Superseded } from "./outcomes.ts";

/** Figures of a job's progress, such as `{ rows: 1200, bytes: 88000 }`. */
export type Counts = Readonly<Record<string, number>>;

/** What a task works with. */
export interface JobContext {
  readonly log: Log;
  readonly config: Config;
  /** Which attempt at the job this is, from 1. */
  readonly attempt: number;
  /** Becomes aborted when the job is to stop: cancelled, taken over, or the worker shuts down. Its reason is an error to throw. */
  readonly signal: AbortSignal;
  /**
   * Runs `work` in one transaction as rowhouse_system with the claims of the job's tenant. Commits only when the job is
   * still ours. Do not nest.
   */
  inTenant<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** As inTenant, and marks the job succeeded in the same transaction: the last step of a job whose effect must happen once. */
  succeed<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** Notes how far the job is (0 to 1), and figures for the task's saveCounts; written about once a second. */
  progress(fraction: number, counts?: Counts): void;
  /** Throws when the job is to stop. Asks the database at most four times a second, so call it freely. */
  checkCancelled(): Promise<void>;
  /** Ends the job as cancelled. */
  cancel(message: string): never;
  /** Runs the job again after this many milliseconds, without counting the attempt. */
  snooze(afterMs: number, reason: string): never;
  /** Ends the job for good; the tenant reads the message, and may retry the job after mending the cause. */
  dead(code: string, message: string): never;
}

/** A context with what only the runtime needs of it. */
export interface OpenJobContext extends JobContext {
  /** Whether succeed() has committed. */
  hasSucceeded(): boolean;
  /** Stops watching the job; waits for what is being written. */
  close(): Promise<void>;
}

/** What a context is made of. */
export interface JobContextOptions {
  readonly pool: Pool;
  readonly attempt: Attempt;
  readonly log: Log;
  readonly config: Config;
  /** Aborted when running jobs must stop because the worker does. */
  readonly drain: AbortSignal;
  readonly saveCounts: ((client: PoolClient, counts: Counts) => Promise<void>) | undefined;
}

const tickMs = 1000;
const askMs = 250;

/** Opens the context of one attempt, and watches its row until it is closed. */
export function openJobContext({ pool, attempt, log, config, drain, saveCounts }: JobContextOptions): OpenJobContext {
  const aborter = new AbortController();
  let noted: { fraction: number; counts: Counts | undefined } | undefined;
  let succeeded = false;
  let askedAt = Date.now();
  let ticking: Promise<void> = Promise.resolve();

  const stop = (reason: Error) => aborter.abort(reason);
  const onDrain = () => stop(new Snoozed(0, "The worker is shutting down."));
  if (drain.aborted) onDrain();
  else drain.addEventListener("abort", onDrain, { once: true });

  const ask = async (write: boolean) => {
    askedAt = Date.now();
    const news = write ? noted : undefined;
    if (news) noted = undefined;
    const counts = news?.counts;
    try {
      const isAsked = await checkIn(pool, attempt, news?.fraction);
      // In a transaction of its own: a task may hold the row it counts in while it waits for the job's row.
      if (counts && saveCounts) await inTenantTransaction(pool, attempt, (client) => saveCounts(client, counts));
      if (isAsked) stop(new Cancelled("Somebody asked to cancel the job."));
    } catch (error) {
      if (error instanceof Superseded) stop(error);
      else log.warn({ err: error }, "could not look after a running job");
    }
  };
  const tick = () => void (ticking = ask(true).then(schedule));
  let timer: NodeJS.Timeout | undefined;
  const schedule = () => {
    timer = aborter.signal.aborted || succeeded ? undefined : setTimeout(tick, tickMs);
  };
  const pause = async () => {
    clearTimeout(timer);
    await ticking;
    clearTimeout(timer);
  };
  schedule();

  return {
    log,
    config,
    attempt: attempt.number,
    signal: aborter.signal,
    inTenant: (work) => inAttempt(pool, attempt, work),
    async succeed(work) {
      const result = await succeedWith(pool, attempt, work);
      succeeded = true;
      return result;
    },
    progress(fraction, counts) {
      noted = { fraction: Math.min(1, Math.max(0, fraction || 0)), counts: counts ?? noted?.counts };
    },
    async checkCancelled() {
      if (!aborter.signal.aborted && Date.now() - askedAt >= askMs) await ask(false);
      aborter.signal.throwIfAborted();
    },
    cancel(message) {
      throw new Cancelled(message);
    },
    snooze(afterMs, reason) {
      throw new Snoozed(afterMs, reason);
    },
    dead(code, message) {
      throw new Dead(code, message);
    },
    hasSucceeded: () => succeeded,
    async close() {
      drain.removeEventListener("abort", onDrain);
      await pause();
    },
  };
}
