import type { TestDatabase } from "./database.ts";
import { asTenant } from "./database.ts";

/** A list entry as tests look at it. */
export type EntryRow = Record<string, unknown> & { id: string };

/** A batch as tests look at it. */
export interface BatchRow {
  id: string;
  status: string;
  run_number: number;
  batch_number: number;
  entry_count: number;
  processed_count: number;
  changed_count: number;
  failed_count: number;
  attempt_count: number;
  error_message: string | null;
  progress_log: { event: string; [detail: string]: unknown }[];
}

/** The outcome of a step as tests look at it. */
export interface ResultRow {
  list_entry_id: string;
  block: string;
  status: string;
  found: Record<string, unknown>;
  provenance: Record<string, { source: string; version: string; confidence?: number; previous?: unknown }>;
  reason: string | null;
  cost_minor: string;
  enrichment_queue_job_id: string;
}

/** Adds entries to a list, and returns their ids in order. */
export async function addEntries(
  database: TestDatabase,
  tenantId: string,
  listId: string,
  entries: readonly Record<string, string | null>[],
): Promise<string[]> {
  return asTenant(
    database,
    { tenantId },
    async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `insert into lists.list_entries (list_id, list_import_id, full_name, company_name, email, phone, address_line1, city, state, postal_code)
         select $1, v.* from json_to_recordset($2) v (list_import_id uuid, full_name text, company_name text, email text,
           phone text, address_line1 text, city text, state text, postal_code text) returning id`,
        [listId, JSON.stringify(entries)],
      );
      return rows.map(({ id }) => id);
    },
    { commit: true },
  );
}

/** What a plan is made of; the four steps without settings, unless told. */
export interface PlanOptions {
  readonly batchSize?: number;
  readonly isAutoRun?: boolean;
  readonly steps?: readonly (readonly [block: string, config: object])[];
}

const allSteps = ["phone", "email", "name", "address"].map((block) => [block, {}] as const);

/** Makes a plan for a list, and returns its id. */
export async function createPlan(
  database: TestDatabase,
  tenantId: string,
  listId: string,
  { batchSize = 1000, isAutoRun = false, steps = allSteps }: PlanOptions = {},
): Promise<string> {
  return asTenant(
    database,
    { tenantId, role: "rowhouse_member" },
    async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `insert into lists.enrichment_plans (list_id, name, batch_size, is_auto_run) values ($1, uuidv7()::text, $2, $3) returning id`,
        [listId, batchSize, isAutoRun],
      );
      const id = rows[0]!.id;
      for (const [index, [block, config]] of steps.entries()) {
        await client.query(
          "insert into lists.enrichment_plan_steps (enrichment_plan_id, position, block, config) values ($1, $2, $3, $4)",
          [id, index + 1, block, config],
        );
      }
      return id;
    },
    { commit: true },
  );
}

/** Calls a function of the API about a plan or job as a member of the tenant would, and commits. */
export function callAs(database: TestDatabase, tenantId: string, name: string, id: string): Promise<void> {
  return asTenant(
    database,
    { tenantId, role: "rowhouse_member" },
    async (client) => void (await client.query(`select ${name}($1)`, [id])),
    { commit: true },
  );
}

/** The batches of a plan, in order of run and batch. */
export async function batchesOf(database: TestDatabase, planId: string): Promise<BatchRow[]> {
  const { rows } = await database.admin.query<BatchRow>(
    "select * from lists.enrichment_queue_jobs where enrichment_plan_id = $1 order by run_number, batch_number",
    [planId],
  );
  return rows;
}

/** The entries of a list, in order of their ids. */
export async function entriesOf(database: TestDatabase, listId: string): Promise<EntryRow[]> {
  return (
    await database.admin.query<EntryRow>("select * from lists.list_entries where list_id = $1 order by id", [listId])
  ).rows;
}

/** The outcomes of the steps for the entries of a list, in order of entry and block. */
export async function resultsOf(database: TestDatabase, listId: string): Promise<ResultRow[]> {
  const { rows } = await database.admin.query<ResultRow>(
    `select r.* from lists.enrichment_results r join lists.list_entries e on e.tenant_id = r.tenant_id and e.id = r.list_entry_id
     where e.list_id = $1 order by r.list_entry_id, r.block`,
    [listId],
  );
  return rows;
}

/** The id of the job that works on a batch. */
export async function jobOfBatch(database: TestDatabase, batchId: string): Promise<string> {
  const { rows } = await database.admin.query<{ id: string }>("select id from pipeline.jobs where subject_id = $1", [
    batchId,
  ]);
  return rows[0]!.id;
}
