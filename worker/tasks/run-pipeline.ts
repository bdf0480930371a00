import { createTenantStore } from "../../lib/export-files.ts";
import { defineTask, jobPayload } from "../define-task.ts";
import { beginRun, finishRun, settleRun } from "../pipelines/run-record.ts";
import { runBlocks } from "../pipelines/run-blocks.ts";
import { prepareStep, type PipelineStep, type PrepareStep } from "../pipelines/steps.ts";

/** Runs a blueprint: block after block, each from the artifact of the one before. What is done is not done again. */
export const runPipeline = runPipelineWith();

/** The task with steps of one's own, in place of those that are known by name. */
export function runPipelineWith(prepare: PrepareStep = prepareStep) {
  return defineTask({
    name: "run_pipeline",
    payload: jobPayload,
    async run(ctx, { tenantId, subjectId }) {
      const begun = await ctx.inTenant((client) => beginRun(client, subjectId));
      if (begun.kind === "over") return;
      if (begun.kind === "gone") return ctx.dead("NOT_FOUND", "The run or the version of its blueprint is gone.");
      if (begun.kind === "no_input") return ctx.dead("NOT_FOUND", "The input of the run is gone.");
      const { run } = begun;
      let steps: PipelineStep[];
      try {
        steps = run.steps.map(prepare);
      } catch (error) {
        return ctx.dead("VALIDATION_FAILED", (error as Error).message);
      }
      const { outputId, stats } = await runBlocks({ ctx, tenantId, run, steps, store: createTenantStore(ctx.config) });
      await ctx.succeed((client) => finishRun(client, run, outputId, stats));
    },
    settle: (client, { subjectId }, settlement) => settleRun(client, subjectId, settlement),
  });
}
