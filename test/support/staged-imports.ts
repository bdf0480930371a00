import type { PoolClient } from "pg";
import { inTenantTransaction } from "../../lib/tenant-transaction.ts";
import type { TestDatabase } from "./database.ts";
import type { ModelRow, Outcome, Policy } from "./import-model.ts";

/** A row of lists.list_imports, as far as merges change it; node-postgres gives bigints as text. */
export interface MergedImport {
  readonly id: string;
  readonly status: string;
  readonly inserted_count: string;
  readonly filled_count: string;
  readonly overwritten_count: string;
  readonly skipped_count: string;
  readonly removed_count: string;
  readonly restored_count: string;
}

/** Imports without upload and worker: rows are staged and merged by the functions that those call. */
export interface StagedImports {
  /** Runs `work` as the system role of the tenant. */
  inTenant<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** Makes an import that is being merged; returns its id. */
  stage(listId: string, policy: Policy, rows: readonly Partial<ModelRow>[], isDryRun?: boolean): Promise<string>;
  /** Merges it; returns its row. */
  merge(importId: string): Promise<MergedImport>;
  /** Takes it back; returns its row. */
  undo(importId: string): Promise<MergedImport>;
  /** The outcome of each line that did not simply become an entry. */
  outcomes(importId: string): Promise<Map<number, Outcome>>;
}

const columns = "line_number, data, email, phone, phone_e164, city, state";

/** Imports of one tenant. */
export function stagedImports(database: TestDatabase, tenantId: string): StagedImports {
  const inTenant: StagedImports["inTenant"] = (work) => inTenantTransaction(database.server, { tenantId }, work);
  return {
    inTenant,
    stage: (listId, policy, rows, isDryRun = false) =>
      inTenant(async (client) => {
        const made = await client.query<{ id: string }>(
          `insert into lists.list_imports (list_id, status, duplicate_policy, is_dry_run)
           values ($1, 'merging', $2, $3) returning id`,
          [listId, policy, isDryRun],
        );
        const { id } = made.rows[0]!;
        const { rows: names } = await client.query("select lists.create_import_staging($1) as name", [id]);
        const numbered = rows.map((row, i) => ({ line_number: i + 2, data: {}, ...row }));
        await client.query(
          `insert into ${names[0].name} (${columns}) select ${columns} from jsonb_to_recordset($1) r
             (line_number bigint, data jsonb, email text, phone text, phone_e164 text, city text, state text)`,
          [JSON.stringify(numbered)],
        );
        return id;
      }),
    merge: (importId) =>
      inTenant(async (client) => (await client.query("select * from lists.merge_import($1)", [importId])).rows[0]),
    undo: (importId) =>
      inTenant(async (client) => {
        await client.query("update lists.list_imports set status = 'undoing' where id = $1", [importId]);
        return (await client.query("select * from lists.revert_import($1)", [importId])).rows[0];
      }),
    outcomes: (importId) =>
      inTenant(async (client) => {
        const { rows } = await client.query<{ line: number; outcome: Outcome }>(
          "select line_number::int as line, outcome from lists.list_import_rows where list_import_id = $1 order by 1",
          [importId],
        );
        return new Map(rows.map(({ line, outcome }) => [line, outcome]));
      }),
  };
}
