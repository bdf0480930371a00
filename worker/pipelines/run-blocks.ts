import type { FileStore } from "../../lib/file-store.ts";
import type { JobContext } from "../job-context.ts";
import { draftRecords, insertArtifact, readRecords, type PipelineRecord } from "./records.ts";
import {
  asRun,
  beginBlock,
  finishBlock,
  readBlocks,
  type BlockCounts,
  type BlockRow,
  type TakenRun,
} from "./run-record.ts";
import type { PipelineStep } from "./steps.ts";

/** What a run is run with. */
export interface RunOptions {
  readonly ctx: JobContext;
  readonly tenantId: string;
  readonly run: TakenRun;
  readonly steps: readonly PipelineStep[];
  readonly store: FileStore;
}

/** What came of a run. */
export interface RunResult {
  readonly outputId: string;
  /** Records in and out, and how often a step broke on one. */
  readonly stats: { readonly totalRecords: number; readonly outputRecords: number; readonly failed: number };
}

/** Records that a step works on before it is asked whether the run was cancelled. */
const batchSize = 100;

/** Runs the blocks that are not done, each in order and from the artifact of the one before. */
export async function runBlocks(options: RunOptions): Promise<RunResult> {
  const { ctx, run, store } = options;
  const blocks = await ctx.inTenant((client) => readBlocks(client, run.id));
  const read = (id: string) => ctx.inTenant((client) => readRecords(client, store, id));
  let artifactId = run.inputArtifactId;
  let records: PipelineRecord[] | undefined;
  for (const block of blocks) {
    if (block.status === "completed" && block.output_artifact_id !== null) {
      artifactId = block.output_artifact_id;
      continue;
    }
    await ctx.checkCancelled();
    records ??= await read(artifactId);
    ({ artifactId, records } = await runBlock(options, block, artifactId, records));
    ctx.progress((block.block_index + 1) / blocks.length);
  }
  const output = records ?? (await read(artifactId));
  const input = await read(run.inputArtifactId);
  const failed = await ctx.inTenant(async (client) => {
    const sql =
      "select coalesce(sum(failed_count), 0)::integer as failed from pipeline.block_executions where pipeline_run_id = $1";
    return (await client.query<{ failed: number }>(sql, [run.id])).rows[0]!.failed;
  });
  return { outputId: artifactId, stats: { totalRecords: input.length, outputRecords: output.length, failed } };
}

async function runBlock(
  { ctx, tenantId, run, steps, store }: RunOptions,
  block: BlockRow,
  inputId: string,
  input: readonly PipelineRecord[],
): Promise<{ artifactId: string; records: PipelineRecord[] }> {
  await ctx.inTenant(async (client) => {
    await asRun(client, run);
    await beginBlock(client, block, inputId);
  });
  const step = steps[block.block_index]!;
  const records: PipelineRecord[] = [];
  let failed = 0;
  const onFault = (error: unknown) => {
    // One line tells what is wrong; a thousand of the same hide everything else.
    if (failed++ === 0)
      ctx.log.error({ err: error, block: block.block_index, runId: run.id }, "a step broke on a record");
  };
  for (let at = 0; at < input.length; at += batchSize) {
    await ctx.checkCancelled();
    const batch = input.slice(at, at + batchSize);
    records.push(...(await ctx.inTenant(async (client) => step.run(batch, { client, onFault }))));
  }
  const counts: BlockCounts = { processed: input.length, succeeded: input.length - failed, failed };
  const key = `${tenantId}/runs/${run.id}/${block.block_index}.json`;
  const draft = await ctx.inTenant((client) => draftRecords(client, store, key, records));
  const artifactId = await ctx.inTenant(async (client) => {
    await asRun(client, run);
    const origin = { runId: run.id, blockExecutionId: block.id, correlationId: run.correlationId, parentId: inputId };
    const id = await insertArtifact(client, draft, origin);
    await finishBlock(client, block.id, id, counts);
    return id;
  });
  return { artifactId, records };
}
