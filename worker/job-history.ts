import type { Job } from "graphile-worker";
import { escapeLiteral, type Pool, type PoolClient } from "pg";
import { beginAsSystem, inTenantTransaction, withTransaction, type TenantClaims } from "../lib/tenant-transaction.ts";
import { Superseded, type Failure } from "./outcomes.ts";

/** One attempt at a job: what a worker must still hold to write anything. */
export interface Attempt extends TenantClaims {
  readonly jobId: string;
  readonly workerId: string;
  readonly number: number;
  readonly maxAttempts: number;
}

/** What a worker finds when it takes a job: an attempt to run, or why there is none. */
export type Claim =
  | { readonly kind: "run"; readonly attempt: Attempt }
  | { readonly kind: "over"; readonly status: string }
  | { readonly kind: "settle" | "cancel" | "lost" | "busy"; readonly attempt: Attempt }
  | { readonly kind: "gone" };

/** How a job that did not succeed goes on. */
export type Ending =
  | { readonly status: "cancelled" }
  | { readonly status: "queued"; readonly reason: string }
  | ({ readonly status: "retrying" | "dead" } & Failure);

interface JobRow {
  status: string;
  worker_id: string | null;
  attempt_count: number;
  max_attempts: number;
  cancel_requested_at: Date | null;
  actor_id: string | null;
  depth: number;
  correlation_id: string | null;
}

const columns = `status, worker_id, attempt_count, max_attempts, cancel_requested_at, depth, correlation_id,
  (select a.id from iam.actors a where a.kind = 'system') as actor_id`;

/** Takes a job for this worker: its row becomes running, one attempt more. Says so when there is nothing to run. */
export async function claimJob(pool: Pool, tenantId: string, jobId: string, workerId: string): Promise<Claim> {
  const attemptOf = (row: JobRow): Attempt => ({
    tenantId,
    jobId,
    requestId: jobId,
    workerId,
    number: row.attempt_count,
    maxAttempts: row.max_attempts,
    actorId: row.actor_id ?? undefined,
    depth: row.depth,
    correlationId: row.correlation_id ?? undefined,
  });
  return inTenantTransaction(pool, { tenantId }, async (client): Promise<Claim> => {
    const start = async (condition: string) =>
      client.query<JobRow>(
        `update pipeline.jobs
         set status = 'running', attempt_count = attempt_count + 1, worker_id = $2, started_at = now(), finished_at = null
         where id = $1 and ${condition}
         returning ${columns}`,
        [jobId, workerId],
      );
    const ready = await start("status in ('queued', 'retrying')");
    if (ready.rows[0]) return { kind: "run", attempt: attemptOf(ready.rows[0]) };

    const found = await client.query<JobRow>(`select ${columns} from pipeline.jobs where id = $1 for update`, [jobId]);
    const row = found.rows[0];
    if (!row) return { kind: "gone" };
    const attempt = attemptOf(row);
    if (row.status === "cancelled") return { kind: "settle", attempt };
    if (row.status !== "running") return { kind: "over", status: row.status };

    // Running, yet delivered again: its worker died, or (a clock stood still) was only thought dead.
    if (row.worker_id !== workerId && (await isAlive(client, row.worker_id))) return { kind: "busy", attempt };
    const seized = await client.query("update pipeline.jobs set worker_id = $2 where id = $1", [jobId, workerId]);
    if (seized.rowCount !== 1) return { kind: "gone" };
    if (row.cancel_requested_at) return { kind: "cancel", attempt };
    if (row.attempt_count >= row.max_attempts) return { kind: "lost", attempt };
    const taken = await start("true");
    return taken.rows[0] ? { kind: "run", attempt: attemptOf(taken.rows[0]) } : { kind: "gone" };
  });
}

async function isAlive(client: PoolClient, workerId: string | null): Promise<boolean> {
  await client.query("set local role none");
  const { rowCount } = await client.query("select from private.worker_heartbeats where worker_id = $1", [workerId]);
  await client.query("set local role rowhouse_system");
  return rowCount === 1;
}

/** The condition that a job's row is still this attempt's. */
function held(attempt: Attempt): string {
  return `id = ${escapeLiteral(attempt.jobId)} and worker_id = ${escapeLiteral(attempt.workerId)}
    and attempt_count = ${attempt.number} and status = 'running'`;
}

/**
 * Runs `work` in a transaction of the job's tenant, and commits only when the job still belongs to this attempt; a
 * worker that was thought dead and comes back cannot write. Throws Superseded then.
 */
export async function inAttempt<T>(
  pool: Pool,
  attempt: Attempt,
  work: (client: PoolClient) => Promise<T>,
  last = `select from pipeline.jobs where ${held(attempt)} for no key update`,
): Promise<T> {
  return withTransaction(pool, beginAsSystem(attempt), async (client) => {
    await mustHold(client, `select from pipeline.jobs where ${held(attempt)}`, attempt);
    const result = await work(client);
    await mustHold(client, last, attempt);
    return result;
  });
}

async function mustHold(client: PoolClient, statement: string, attempt: Attempt): Promise<void> {
  const { rowCount } = await client.query(statement);
  if (rowCount !== 1)
    throw new Superseded(`Job ${attempt.jobId} does not belong to worker ${attempt.workerId} any more`);
}

/** Runs `work` and marks the job succeeded in the same transaction: both happen, or neither. */
export async function succeedWith<T>(
  pool: Pool,
  attempt: Attempt,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return inAttempt(
    pool,
    attempt,
    work,
    `update pipeline.jobs
     set status = 'succeeded', progress = 1, finished_at = now(), error_code = null, error_message = null
     where ${held(attempt)}`,
  );
}

/** Writes how an attempt ended, with what `settle` writes about the job's subject. */
export async function endAttempt(
  pool: Pool,
  attempt: Attempt,
  ending: Ending,
  settle: (client: PoolClient) => Promise<void>,
): Promise<void> {
  const failure = "code" in ending ? ending : undefined;
  const isOver = ending.status === "cancelled" || ending.status === "dead";
  const text = (value: string | undefined) => (value === undefined ? "null" : escapeLiteral(value.slice(0, 2000)));
  await inAttempt(
    pool,
    attempt,
    settle,
    `update pipeline.jobs
     set status = '${ending.status}', error_code = ${text(failure?.code)}, error_message = ${text(failure?.message)},
       finished_at = ${isOver ? "now()" : "null"},
       attempt_count = attempt_count - ${ending.status === "queued" ? 1 : 0}
     where ${held(attempt)}`,
  );
}

/** Queues a job once more, in place of the delivery that is running, for after this many milliseconds. */
export async function queueAgain(client: PoolClient, job: Job, afterMs: number): Promise<void> {
  await client.query("set local role none");
  await client.query(
    `select graphile_worker.add_job($1, payload => $2::json, run_at => now() + $3 * interval '1 millisecond',
       max_attempts => $4, job_key => $5, priority => $6)`,
    [job.task_identifier, JSON.stringify(job.payload), afterMs, job.max_attempts, job.key, job.priority],
  );
  await client.query("set local role rowhouse_system");
}

/** Returns whether somebody asked to cancel the job; writes its progress on the way, if there is a new one. */
export async function checkIn(pool: Pool, attempt: Attempt, progress?: number): Promise<boolean> {
  return inTenantTransaction(pool, attempt, async (client) => {
    const { rows } = await client.query<{ asked: boolean }>(
      progress === undefined
        ? `select cancel_requested_at is not null as asked from pipeline.jobs where ${held(attempt)}`
        : `update pipeline.jobs set progress = ${progress} where ${held(attempt)}
           returning cancel_requested_at is not null as asked`,
    );
    if (!rows[0]) throw new Superseded(`Job ${attempt.jobId} does not belong to worker ${attempt.workerId} any more`);
    return rows[0].asked;
  });
}
