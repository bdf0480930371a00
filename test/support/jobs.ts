import { randomBytes, randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import { pino } from "pino";
import { loadConfig, type Config } from "../../lib/config.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { startWorker, type WorkerApp, type WorkerOptions } from "../../worker/app.ts";
import type { TestDatabase } from "./database.ts";
import { noRates } from "./no-rates.ts";
import { testSecret } from "./test-urls.ts";
import { until } from "./until.ts";

/** A job's row as tests look at it. */
export interface JobRow {
  id: string;
  status: string;
  attempt_count: number;
  progress: number;
  error_code: string | null;
  error_message: string | null;
  worker_id: string | null;
  finished_at: Date | null;
}

/** The settings of a worker in tests; files lie in `dataDir`. */
export function testConfig(dataDir = "data", extra: Record<string, string> = {}): Config {
  return loadConfig({
    NODE_ENV: "test",
    ROWHOUSE_SECRET: testSecret,
    ROWHOUSE_DATA_DIR: dataDir,
    ...noRates,
    ...extra,
  });
}

/** Starts a worker within the test's process that looks for dead workers twice a second. */
export function startTestWorker(database: TestDatabase, options: Partial<WorkerOptions> = {}): Promise<WorkerApp> {
  return startWorker({
    databaseUrl: database.workerUrl,
    config: testConfig(),
    log: pino({ level: "silent" }),
    metrics: createMetrics("worker"),
    heartbeat: { beatMs: 500, silentMs: 3_000, sweepMs: 500 },
    crontab: [],
    ...options,
  });
}

/** Makes a tenant with a list of its own. */
export async function createTenant(database: TestDatabase): Promise<{ tenantId: string; listId: string }> {
  const slug = `t-${randomBytes(6).toString("hex")}`;
  const made = await database.admin.query<{ id: string }>("select private.create_tenant($1, $1) as id", [slug]);
  const tenantId = made.rows[0]!.id;
  const list = await database.admin.query<{ id: string }>(
    "insert into lists.lists (tenant_id, name) values ($1, 'Members') returning id",
    [tenantId],
  );
  return { tenantId, listId: list.rows[0]!.id };
}

/** Queues a job as a trigger would, and returns its id. */
export async function queueJob(
  database: TestDatabase,
  tenantId: string,
  task: string,
  subjectId: string = randomUUID(),
  maxAttempts = 8,
): Promise<string> {
  return inTenant(database, tenantId, async (client) => {
    await client.query("select pipeline.enqueue_jobs($1, 'lists', $2, $3)", [task, tenantId, [subjectId]]);
    const { rows } = await client.query<{ id: string }>(
      `update pipeline.jobs set max_attempts = $2
       where id = (select id from pipeline.jobs where subject_id = $1 order by id desc limit 1) returning id`,
      [subjectId, maxAttempts],
    );
    return rows[0]!.id;
  });
}

/** The row of a job. */
export async function jobRow(database: TestDatabase, jobId: string): Promise<JobRow> {
  const { rows } = await database.admin.query<JobRow>("select * from pipeline.jobs where id = $1", [jobId]);
  return rows[0]!;
}

/** Waits until a job has one of these statuses. */
export function untilStatus(database: TestDatabase, jobId: string, ...statuses: string[]): Promise<JobRow> {
  return until(`job ${jobId} is ${statuses.join(" or ")}`, async () => {
    const row = await jobRow(database, jobId);
    return statuses.includes(row.status) && row;
  });
}

/** What waits in the queue or is locked there. */
export async function queueRows(database: TestDatabase): Promise<{ key: string; locked_by: string | null }[]> {
  return (await database.admin.query("select * from graphile_worker._private_jobs order by id")).rows;
}

/** Makes every waiting job due now, instead of after its pause. */
export async function skipPauses(database: TestDatabase): Promise<void> {
  await database.admin.query("update graphile_worker._private_jobs set run_at = now() where locked_at is null");
}

/** Adds entries to a list, each with the columns of the first. */
export async function insertEntries(
  database: TestDatabase,
  tenantId: string,
  listId: string,
  entries: readonly Record<string, unknown>[],
): Promise<void> {
  const columns = Object.keys(entries[0] ?? {}).join(", ");
  await inTenant(database, tenantId, (client) =>
    client.query(
      `insert into lists.list_entries (list_id, ${columns})
       select $1, ${columns} from jsonb_populate_recordset(null::lists.list_entries, $2)`,
      [listId, JSON.stringify(entries)],
    ),
  );
}

/** Runs `work` as a superuser with the claims of a tenant, and commits. */
export async function inTenant<T>(
  database: TestDatabase,
  tenantId: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await database.admin.connect();
  try {
    await client.query("begin");
    await client.query("select set_config('jwt.claims.tenant_id', $1, true)", [tenantId]);
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}
