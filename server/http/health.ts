import type { Request, RequestHandler, Response } from "express";
import type { Pool } from "pg";
import type { Log } from "../../lib/log.ts";

const patienceMs = 2_000;

/** Says that the process is alive; needs nothing else, least of all the database. */
export function healthz(_req: Request, res: Response): void {
  res.json({ status: "ok" });
}

/** Says whether the process can serve: not while it drains, and not while the database or its schema is missing. */
export function readyz(pool: Pool, log: Log, draining: AbortSignal): RequestHandler {
  return async (_req, res) => {
    const problem = draining.aborted ? "the server is shutting down" : await databaseProblem(pool, log);
    res.status(problem === undefined ? 200 : 503);
    res.json(problem === undefined ? { status: "ready" } : { status: "not ready", reason: problem });
  };
}

/** Whether the database has the tables and functions of the API; rowhouse_server itself may not look into schemas. */
export async function isMigrated(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where (n.nspname, p.proname) in (('private', 'find_login'), ('app', 'tenant_id'), ('pipeline', 'retry_job'))`,
  );
  return rows[0]?.count === 3;
}

async function databaseProblem(pool: Pool, log: Log): Promise<string | undefined> {
  const check = isMigrated(pool);
  const tooLate = new Promise<"late">((resolve) => setTimeout(resolve, patienceMs, "late").unref());
  try {
    const result = await Promise.race([check, tooLate]);
    if (result === "late") return "the database does not answer";
    return result ? undefined : "the database is not migrated";
  } catch (error) {
    log.warn({ err: error }, "not ready: the database cannot be reached");
    return "the database cannot be reached";
  } finally {
    check.catch(() => undefined);
  }
}
