import type { PoolClient } from "pg";
import type { JobContext } from "../job-context.ts";

/**
 * Runs `work`, whose statements may take minutes, and cancels the statement at hand when the job is to stop: whoever waits
 * for it sees it end at once, and the transaction is rolled back.
 */
export async function cancelOnAbort<T>(ctx: JobContext, client: PoolClient, work: () => Promise<T>): Promise<T> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const cancel = () => {
    ctx
      .inTenant(async (other) => {
        // The connections of a worker may cancel each other by the login that they share.
        await other.query("set local role none");
        await other.query("select pg_cancel_backend($1)", [rows[0]!.pid]);
        await other.query("set local role rowhouse_system");
      })
      .catch((error: unknown) => ctx.log.warn({ err: error }, "a statement of a job that is to stop runs on"));
  };
  ctx.signal.throwIfAborted();
  ctx.signal.addEventListener("abort", cancel, { once: true });
  try {
    return await work();
  } finally {
    ctx.signal.removeEventListener("abort", cancel);
  }
}
