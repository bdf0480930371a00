import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import { defineMaintenance } from "../define-task.ts";

const batchSize = 200;

/** Cancels imports whose upload nobody went on with for a week, and drops what was staged of them. */
export const cancelAbandonedImports = defineMaintenance("cancel_abandoned_imports", async ({ pool, log, signal }) => {
  const { rows } = await pool.query<{ tenant_id: string; id: string }>("select * from private.abandoned_imports($1)", [
    batchSize,
  ]);
  for (const { tenant_id: tenantId, id } of rows) {
    if (signal.aborted) return;
    await inTenantTransaction(pool, { tenantId }, (client) =>
      client.query("select lists.cancel_import($1)", [id]),
    ).catch((error: unknown) =>
      log.error({ err: error, tenantId, importId: id }, "an abandoned import was not cancelled"),
    );
  }
  if (rows.length > 0) log.info({ cancelled: rows.length }, "cancelled abandoned imports");
});
