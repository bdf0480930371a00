import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import { RowhouseError } from "../../lib/errors.ts";
import { createTenantStore, exportFolder, nameExportFile } from "../../lib/export-files.ts";
import { toNumber } from "../../lib/pool.ts";
import { defineTask, jobPayload } from "../define-task.ts";
import { exportCondition, type ExportSpec } from "../exports/export-query.ts";
import { writeExport } from "../exports/write-export.ts";
import type { JobContext } from "../job-context.ts";

interface ExportRow extends ExportSpec {
  readonly status: string;
  readonly isGzip: boolean;
  readonly listName: string;
  readonly entryCount: string;
}

const readExport = `
  select e.status, e.list_id as "listId", e.filter, e.columns, e.format, e.tag, e.is_gzip as "isGzip",
    l.name as "listName", l.entry_count as "entryCount"
  from lists.export_jobs e join lists.lists l on l.tenant_id = e.tenant_id and l.id = e.list_id
  where e.id = $1 and l.deleted_at is null`;

const startExport = `
  update lists.export_jobs
  set status = 'running', started_at = now(), finished_at = null, cancel_requested_at = null, total_count = $2,
    row_count = 0, byte_count = 0, error_code = null, error_message = null
  where id = $1`;

const finishExport = `
  with file as (
    insert into lists.export_files
      (id, export_job_id, file_name, storage_key, content_type, byte_count, row_count, sha256, expires_at)
    values ($2, $1, $3, $4, $5, $6, $7, $8, now() + make_interval(days => $9))
  )
  update lists.export_jobs
  set status = 'succeeded', finished_at = now(), row_count = $7, total_count = $7, byte_count = $6
  where id = $1`;

/** Writes the entries of a list that an export asks for to a file. */
export const exportList = defineTask({
  name: "export_list",
  payload: jobPayload,
  async run(ctx, { tenantId, subjectId: exportId }) {
    const job = await ctx.inTenant((client) => readRow(ctx, client, exportId));
    const total = await ctx.inTenant((client) => countEntries(client, job));
    await ctx.inTenant(async (client) => void (await client.query(startExport, [exportId, total])));

    const store = createTenantStore(ctx.config);
    const folder = exportFolder(tenantId, exportId);
    const fileId = randomUUID();
    const { fileName, contentType, extension } = nameExportFile(job.listName, job.format, job.isGzip);
    const key = `${folder}/${fileId}.${extension}`;
    // What an attempt that was killed has left.
    await store.removeAll(folder);
    try {
      await ctx.succeed(async (client) => {
        const onProgress = (rows: number, bytes: number) => ctx.progress(total ? rows / total : 0, { rows, bytes });
        const target = { store, key, isGzip: job.isGzip, signal: ctx.signal, onProgress };
        const { rowCount: rows, byteCount, sha256 } = await writeExport(client, job, target);
        const days = ctx.config.exportFileDays;
        await client.query(finishExport, [exportId, fileId, fileName, key, contentType, byteCount, rows, sha256, days]);
      });
    } catch (error) {
      await store.remove(key);
      throw error;
    }
  },
  async saveCounts(client, { subjectId }, counts) {
    await client.query(
      "update lists.export_jobs set row_count = $2, byte_count = $3 where id = $1 and status = 'running'",
      [subjectId, counts.rows, counts.bytes],
    );
  },
  async settle(client, { tenantId, subjectId }, settlement, config) {
    const status = statuses[settlement.status];
    await client.query(
      `update lists.export_jobs
       set status = $2::text, error_code = $3, error_message = $4, finished_at = case when $2::text = 'queued' then null else now() end
       where id = $1 and status in ('queued', 'running', 'cancelled')`,
      [subjectId, status, settlement.code, settlement.message],
    );
    await createTenantStore(config).removeAll(exportFolder(tenantId, subjectId));
  },
});

const statuses = { cancelled: "cancelled", dead: "failed", retrying: "queued" } as const;

async function readRow(ctx: JobContext, client: PoolClient, exportId: string): Promise<ExportRow> {
  const { rows } = await client.query<ExportRow>(readExport, [exportId]);
  const row = rows[0];
  if (!row)
    throw new RowhouseError("NOT_FOUND", "The list of this export was deleted. Restore it and retry the export.");
  if (row.status === "cancelled" && ctx.attempt === 1) ctx.cancel("The export was cancelled before it began.");
  return row;
}

async function countEntries(client: PoolClient, job: ExportRow): Promise<number> {
  if (Object.keys(job.filter as object).length === 0) return toNumber(job.entryCount);
  const condition = exportCondition(job, "e");
  const { rows } = await client.query<{ count: string }>(
    `select count(*) as count from lists.list_entries e where ${condition}`,
  );
  return toNumber(rows[0]?.count);
}
