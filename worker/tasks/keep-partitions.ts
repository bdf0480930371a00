import { keepPartitions as keep } from "../../lib/keep-partitions.ts";
import { defineMaintenance } from "../define-task.ts";

/** Makes the months to come of the tables that are cut into months, and drops those beyond their retention. */
export const keepPartitions = defineMaintenance("keep_partitions", async ({ pool, log }) => {
  const { done, failed } = await keep(pool);
  if (done.length > 0) log.info({ done }, "kept partitions");
  for (const { table, error } of failed) log.warn({ table, err: error }, "the months of a table were left as they are");
  // Rows lose nothing by it: they wait in the default partition until a later attempt.
  if (failed[0]) throw failed[0].error;
});
