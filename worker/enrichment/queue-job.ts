import type { PoolClient } from "pg";
import type { Settlement } from "../define-task.ts";
import type { EntryRange } from "./batch-entries.ts";
import type { PlannedStep } from "./plan-steps.ts";

/** A batch as a worker takes it up. */
export interface QueueJob extends EntryRange {
  readonly id: string;
  readonly steps: readonly PlannedStep[];
}

/** What a worker finds in place of a batch to work on. */
export type Begun =
  | { readonly kind: "begun"; readonly job: QueueJob }
  | { readonly kind: "over" }
  | { readonly kind: "gone" }
  | { readonly kind: "cancelled" };

/** How many entries a batch had, of how many something was learnt, and of how many a step failed. */
export interface BatchCounts {
  readonly processed: number;
  readonly changed: number;
  readonly failed: number;
  /** Per block, how often a step ended how. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

interface QueueJobRow {
  status: string;
  is_living: boolean;
  list_id: string;
  list_import_id: string | null;
  first_entry_id: string;
  last_entry_id: string;
  steps: PlannedStep[] | null;
}

/** Appends what happened to the log of a batch; `details` is a JSON object in SQL. */
const logged = (event: string, details = "'{}'::jsonb") =>
  `progress_log = progress_log || jsonb_build_array(jsonb_build_object('at', now(), 'event', '${event}') || ${details})`;

/** Marks a batch as running and reads what to do. Nothing is to be done when it is over, or its plan or list is deleted. */
export async function beginQueueJob(client: PoolClient, id: string, attempt: number): Promise<Begun> {
  const { rows } = await client.query<QueueJobRow>(
    `select j.status, p.deleted_at is null and l.deleted_at is null as is_living,
       j.list_id, j.list_import_id, j.first_entry_id, j.last_entry_id,
       (select jsonb_agg(jsonb_build_object('position', s.position, 'block', s.block, 'config', s.config) order by s.position)
        from lists.enrichment_plan_steps s
        where s.enrichment_plan_id = j.enrichment_plan_id and s.deleted_at is null) as steps
     from lists.enrichment_queue_jobs j
     join lists.enrichment_plans p on p.id = j.enrichment_plan_id
     join lists.lists l on l.id = j.list_id
     where j.id = $1
     for no key update of j`,
    [id],
  );
  const row = rows[0];
  if (!row) return { kind: "gone" };
  if (row.status === "succeeded") return { kind: "over" };
  if (row.status === "cancelled" || !row.is_living) return { kind: "cancelled" };
  await client.query(
    `update lists.enrichment_queue_jobs
     set status = 'running', attempt_count = attempt_count + 1, started_at = now(), finished_at = null, error_message = null,
       ${logged("started", "jsonb_build_object('attempt', $2::int)")}
     where id = $1`,
    [id, attempt],
  );
  const job: QueueJob = {
    id,
    listId: row.list_id,
    listImportId: row.list_import_id,
    firstEntryId: row.first_entry_id,
    lastEntryId: row.last_entry_id,
    steps: row.steps ?? [],
  };
  return { kind: "begun", job };
}

/** Marks a batch as done, with what came of it. */
export async function finishQueueJob(client: PoolClient, id: string, counts: BatchCounts): Promise<void> {
  await client.query(
    `update lists.enrichment_queue_jobs
     set status = 'succeeded', processed_count = $2, changed_count = $3, failed_count = $4, finished_at = now(),
       error_message = null, ${logged("succeeded", "jsonb_build_object('outcomes', $5::jsonb)")}
     where id = $1`,
    [id, counts.processed, counts.changed, counts.failed, JSON.stringify(counts.outcomes)],
  );
}

const statusOf = { cancelled: "cancelled", dead: "failed", retrying: "queued" } as const;

/** Writes to a batch that is not done how its job ended: cancelled, failed for good, or waiting for another attempt. */
export async function settleQueueJob(client: PoolClient, id: string, settlement: Settlement): Promise<void> {
  const status = statusOf[settlement.status];
  await client.query(
    `update lists.enrichment_queue_jobs
     set status = $2, error_message = $3, finished_at = case when $2 = 'queued' then null else now() end,
       ${logged(settlement.status, "jsonb_strip_nulls(jsonb_build_object('code', $4::text, 'message', $3::text))")}
     where id = $1 and status not in ('succeeded', $2)`,
    [id, status, settlement.message, settlement.code],
  );
}
