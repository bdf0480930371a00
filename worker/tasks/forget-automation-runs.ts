import { defineMaintenance } from "../define-task.ts";

const batchSize = 5000;

/** Forgets firings of automations that are no longer kept. */
export const forgetAutomationRuns = defineMaintenance("forget_automation_runs", async ({ pool, log, signal }) => {
  let forgotten = 0;
  for (let count = batchSize; count === batchSize && !signal.aborted; forgotten += count) {
    const { rows } = await pool.query<{ count: number }>("select private.forget_automation_runs($1) as count", [
      batchSize,
    ]);
    count = rows[0]!.count;
  }
  if (forgotten > 0) log.info({ forgotten }, "forgot firings of automations");
});
