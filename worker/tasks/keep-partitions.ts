import { defineMaintenance } from "../define-task.ts";

/** Makes the months to come of the tables that are cut into months, and drops those beyond their retention. */
export const keepPartitions = defineMaintenance("keep_partitions", async ({ pool, log }) => {
  const { rows } = await pool.query<{ done: string[] }>("select private.keep_partitions() as done");
  const done = rows[0]!.done;
  if (done.length > 0) log.info({ done }, "kept partitions");
});
