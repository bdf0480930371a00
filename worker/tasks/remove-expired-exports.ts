import { createTenantStore } from "../../lib/export-files.ts";
import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import { defineMaintenance, type MaintenanceContext } from "../define-task.ts";

interface ExpiredFile {
  readonly tenant_id: string;
  readonly id: string;
  readonly storage_key: string;
}

const batchSize = 200;

const forget = `
  with gone as (delete from lists.export_files where id = $1 and expires_at <= now() returning export_job_id)
  update lists.export_jobs set status = 'expired' where id = (select export_job_id from gone) and status = 'succeeded'`;

/** Removes the files of exports whose time is over, first from the store, then from the database. */
export const removeExpiredExports = defineMaintenance("remove_expired_exports", async (ctx) => {
  const store = createTenantStore(ctx.config);
  let removed = 0;
  let failed = 0;
  for (let files = await expired(ctx); files.length > failed && !ctx.signal.aborted; files = await expired(ctx)) {
    failed = 0;
    for (const { tenant_id: tenantId, id, storage_key: key } of files) {
      try {
        await store.remove(key);
        await inTenantTransaction(ctx.pool, { tenantId }, (client) => client.query(forget, [id]));
        removed++;
      } catch (error) {
        failed++;
        ctx.log.error({ err: error, tenantId, fileId: id }, "an expired file could not be removed");
      }
    }
  }
  if (removed > 0) ctx.log.info({ removed }, "removed expired files");
});

/** The oldest expired files. Those that cannot be removed come again, so the caller stops when there are only such. */
async function expired({ pool }: MaintenanceContext): Promise<ExpiredFile[]> {
  const { rows } = await pool.query<ExpiredFile>("select * from private.expired_export_files($1)", [batchSize]);
  return rows;
}
