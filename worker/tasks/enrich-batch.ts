import { defineTask, jobPayload } from "../define-task.ts";
import { prepareSteps, type PrepareStep } from "../enrichment/plan-steps.ts";
import { beginQueueJob, finishQueueJob, settleQueueJob } from "../enrichment/queue-job.ts";
import { runBatch } from "../enrichment/run-batch.ts";

/** Runs the steps of an enrichment plan on a batch of entries, all in one transaction: what is found comes once, or not at all. */
export const enrichBatch = enrichBatchWith();

/** The task with blocks of one's own, in place of those that are known by name. */
export function enrichBatchWith(prepare?: PrepareStep) {
  return defineTask({
    name: "enrich_batch",
    payload: jobPayload,
    async run(ctx, { subjectId }) {
      const begun = await ctx.inTenant((client) => beginQueueJob(client, subjectId, ctx.attempt));
      if (begun.kind === "over") return;
      if (begun.kind === "gone") return ctx.dead("NOT_FOUND", "The batch, its plan or its list is gone.");
      if (begun.kind === "cancelled") return ctx.cancel("The run was cancelled, or its plan or list was deleted.");
      const { job } = begun;
      const steps = prepareSteps(job.steps, prepare);
      const faults = new Map<string, number>();
      const onFault = (block: string, error: unknown) => {
        const count = (faults.get(block) ?? 0) + 1;
        faults.set(block, count);
        // One line tells what is wrong; a thousand of the same hide everything else.
        if (count === 1) ctx.log.error({ err: error, block, batchId: job.id }, "a step broke on an entry");
      };
      const counts = await ctx.succeed(async (client) => {
        const done = await runBatch({ client, steps, signal: ctx.signal, onFault }, job);
        await finishQueueJob(client, job.id, done);
        return done;
      });
      ctx.log.info({ ...counts, faults: Object.fromEntries(faults) }, "batch enriched");
    },
    settle: (client, { subjectId }, settlement) => settleQueueJob(client, subjectId, settlement),
  });
}
