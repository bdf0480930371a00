import type { z } from "zod";
import type { MaintenanceContext, Task } from "./define-task.ts";

/**
 * A task that is queued for one thing of the house itself, which may belong to no tenant: it has no history and reaches
 * across tenants by named functions only. Throwing an error means another attempt, until the queue's own limit; what
 * the queue keeps of it is the message.
 */
export function defineHouseTask<const Name extends string, Payload>(
  name: Name,
  payload: z.ZodType<Payload>,
  run: (ctx: MaintenanceContext, payload: Payload) => Promise<void>,
): Task<Name> {
  return {
    name,
    bind: (runtime) => async (input: unknown, helpers) => {
      const { pool, config, drain } = runtime;
      const log = runtime.log.child({ task: name, queueJobId: helpers.job.id });
      const parsed = payload.safeParse(input);
      if (!parsed.success) return log.error({ issues: parsed.error.issues }, "a job without what it needs was dropped");
      await runtime.metrics.timed(name, async () => {
        await run({ pool, config, log, signal: drain }, parsed.data);
        return "succeeded";
      });
    },
  };
}
