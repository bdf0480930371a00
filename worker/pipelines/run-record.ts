import type { PoolClient } from "pg";
import type { Settlement } from "../define-task.ts";
import type { StepSpec } from "./steps.ts";

/** A run that a worker has taken. */
export interface TakenRun {
  readonly id: string;
  readonly correlationId: string;
  /** How many automations stand behind it. */
  readonly depth: number;
  readonly steps: readonly StepSpec[];
  readonly inputArtifactId: string;
}

/** What a worker finds when it takes a run. */
export type Begun =
  | { readonly kind: "run"; readonly run: TakenRun }
  | { readonly kind: "over" }
  | { readonly kind: "gone" }
  | { readonly kind: "no_input" };

/** A block of a run as it stands. */
export interface BlockRow {
  readonly id: string;
  readonly block_index: number;
  readonly status: string;
  readonly output_artifact_id: string | null;
}

/** What became of the records of a block. */
export interface BlockCounts {
  readonly processed: number;
  readonly succeeded: number;
  readonly failed: number;
}

interface Row {
  status: string;
  correlation_id: string;
  depth: number;
  steps: StepSpec[];
  input_artifact_id: string | null;
}

const readSql = `select r.status, r.correlation_id, coalesce((r.trigger_context ->> 'depth')::integer, 0) as depth, v.steps, r.input_artifact_id
  from pipeline.pipeline_runs r join pipeline.blueprint_versions v on v.tenant_id = r.tenant_id and v.id = r.blueprint_version_id
  where r.id = $1 for update of r`;

/** Takes a run: it becomes running, with its blocks pending; one that was running already goes on. */
export async function beginRun(client: PoolClient, id: string): Promise<Begun> {
  const { rows } = await client.query<Row>(readSql, [id]);
  const [row] = rows;
  if (row === undefined) return { kind: "gone" };
  if (row.status !== "queued" && row.status !== "running") return { kind: "over" };
  if (row.input_artifact_id === null) return { kind: "no_input" };
  const run: TakenRun = {
    ...{ id, correlationId: row.correlation_id, depth: row.depth, steps: row.steps },
    inputArtifactId: row.input_artifact_id,
  };
  await asRun(client, run);
  if (row.status === "queued") {
    await client.query("update pipeline.pipeline_runs set status = 'running' where id = $1", [id]);
    await client.query(
      `insert into pipeline.block_executions (pipeline_run_id, block_index, block_name)
       select $1, n - 1, left(s ->> 'name', 200) from jsonb_array_elements($2::jsonb) with ordinality e (s, n) order by n
       on conflict do nothing`,
      [id, JSON.stringify(run.steps)],
    );
  } else {
    await client.query("update pipeline.pipeline_runs set retry_count = retry_count + 1 where id = $1", [id]);
  }
  return { kind: "run", run };
}

const causeSql = `select set_config('rowhouse.correlation_id', $1, true),
  set_config('rowhouse.depth', greatest(nullif(current_setting('rowhouse.depth', true), '')::integer, $2)::text, true)`;

/** What is written from now on in this transaction is told as caused by the run: no fewer automations stand behind it than behind its job. */
export async function asRun(client: PoolClient, { correlationId, depth }: TakenRun): Promise<void> {
  await client.query(causeSql, [correlationId, depth]);
}

/** The blocks of a run, in order. */
export async function readBlocks(client: PoolClient, runId: string): Promise<BlockRow[]> {
  const { rows } = await client.query<BlockRow>(
    `select id, block_index, status, output_artifact_id from pipeline.block_executions where pipeline_run_id = $1 order by block_index`,
    [runId],
  );
  return rows;
}

/** A block begins, or begins again after it was broken off. */
export async function beginBlock(client: PoolClient, block: BlockRow, inputArtifactId: string): Promise<void> {
  await client.query(
    block.status === "running"
      ? `update pipeline.block_executions set retry_count = retry_count + 1, last_retry_at = now(), input_artifact_id = $2 where id = $1`
      : `update pipeline.block_executions set status = 'running', input_artifact_id = $2 where id = $1`,
    [block.id, inputArtifactId],
  );
}

/** A block is done: in the transaction in which its artifact is written. */
export async function finishBlock(
  client: PoolClient,
  blockId: string,
  outputArtifactId: string,
  { processed, succeeded, failed }: BlockCounts,
): Promise<void> {
  await client.query(
    `update pipeline.block_executions set status = 'completed', output_artifact_id = $2, processed_count = $3, succeeded_count = $4, failed_count = $5
     where id = $1`,
    [blockId, outputArtifactId, processed, succeeded, failed],
  );
}

/** The run is done; its figures are those of its blocks. */
export async function finishRun(client: PoolClient, run: TakenRun, outputId: string, stats: object): Promise<void> {
  await asRun(client, run);
  await client.query(
    "update pipeline.pipeline_runs set status = 'completed', output_artifact_id = $2, stats = $3 where id = $1",
    [run.id, outputId, JSON.stringify(stats)],
  );
}

/** Writes how a run ended that did not succeed. */
export async function settleRun(client: PoolClient, runId: string, settlement: Settlement): Promise<void> {
  const { status, code, message } = settlement;
  if (status === "retrying") return;
  const isDead = status === "dead";
  await client.query(
    `update pipeline.block_executions set status = case when status = 'running' and $2 then 'failed' else 'skipped' end,
       error_code = case when status = 'running' and $2 then $3::text end, error_message = case when status = 'running' and $2 then $4::text end
     where pipeline_run_id = $1 and status in ('pending', 'running')`,
    [runId, isDead, code, message],
  );
  // A run that never began fails from running, too.
  if (isDead)
    await client.query("update pipeline.pipeline_runs set status = 'running' where id = $1 and status = 'queued'", [
      runId,
    ]);
  await client.query(
    `update pipeline.pipeline_runs set status = $2, error_code = $3, error_message = $4 where id = $1 and status in ('queued', 'running')`,
    [runId, isDead ? "failed" : "cancelled", isDead ? code : null, isDead ? message : null],
  );
}
