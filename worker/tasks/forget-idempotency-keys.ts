import { defineMaintenance } from "../define-task.ts";

const batchSize = 5000;

/** Forgets what was answered to requests with an Idempotency-Key more than a day ago. */
export const forgetIdempotencyKeys = defineMaintenance("forget_idempotency_keys", async ({ pool, log, signal }) => {
  let forgotten = 0;
  for (let count = batchSize; count === batchSize && !signal.aborted; forgotten += count) {
    const { rows } = await pool.query<{ count: number }>("select private.forget_idempotency_keys($1) as count", [
      batchSize,
    ]);
    count = rows[0]!.count;
  }
  if (forgotten > 0) log.info({ forgotten }, "forgot idempotency keys");
});
