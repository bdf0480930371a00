import type { PoolClient } from "pg";
import type { ImportBatch, ImportCheckpoint, ImportReject } from "../../lib/import-file/import-batch.ts";
import type { EntryColumn } from "../../lib/import-file/entry-columns.ts";
import type { ImportDelimiter, ImportEncoding, ImportFormat } from "../../lib/import-file/import-file-options.ts";

/** What an upload needs to know of its import. */
export interface ImportRecord {
  readonly id: string;
  readonly listId: string;
  readonly status: string;
  readonly fileName: string | null;
  readonly format: ImportFormat;
  readonly encoding: ImportEncoding | null;
  readonly delimiter: ImportDelimiter | null;
  readonly hasHeader: boolean;
  readonly mapping: Record<string, EntryColumn | null> | null;
  readonly defaultCountry: string;
  readonly isDryRun: boolean;
  readonly checkpoint: ImportCheckpoint | null;
}

const columns = `id, list_id as "listId", status, file_name as "fileName", format, encoding, delimiter, has_header as "hasHeader",
  mapping, default_country as "defaultCountry", is_dry_run as "isDryRun", checkpoint`;

/** The import, locked until the transaction ends; undefined when this tenant has none of this id. */
export async function lockImport(client: PoolClient, importId: string): Promise<ImportRecord | undefined> {
  const { rows } = await client.query<ImportRecord>(
    `select ${columns} from lists.list_imports where id = $1 for update`,
    [importId],
  );
  return rows[0];
}

/** Opens the upload: a new one begins with nothing, an interrupted one goes on. */
export async function beginUpload(client: PoolClient, record: ImportRecord): Promise<string> {
  if (!record.checkpoint) {
    await client.query("select lists.drop_import_staging($1)", [record.id]);
    await client.query("delete from lists.list_import_rows where list_import_id = $1", [record.id]);
  }
  await client.query(
    `update lists.list_imports set status = 'uploading', upload_started_at = coalesce(upload_started_at, now()),
      error_code = null, error_message = null,
      line_count = case when checkpoint is null then 0 else line_count end,
      accepted_count = case when checkpoint is null then 0 else accepted_count end,
      rejected_count = case when checkpoint is null then 0 else rejected_count end,
      warning_count = case when checkpoint is null then 0 else warning_count end,
      byte_count = case when checkpoint is null then 0 else byte_count end
    where id = $1`,
    [record.id],
  );
  const { rows } = await client.query<{ name: string }>("select lists.create_import_staging($1) as name", [record.id]);
  return rows[0]!.name;
}

/** Notes how far the upload is; what is staged by the same transaction is kept from here on. */
export async function saveCheckpoint(client: PoolClient, importId: string, batch: ImportBatch): Promise<void> {
  const { checkpoint, file } = batch;
  const { counters } = checkpoint;
  const mapped = Object.entries(file?.mapping ?? {});
  const headers = file?.headers.map((name) => ({
    name,
    mappedTo: mapped.find(([, header]) => header === name)?.[0] ?? null,
  }));
  await client.query(
    `update lists.list_imports set checkpoint = $2, line_count = $3, accepted_count = $4, rejected_count = $5,
      warning_count = $6, byte_count = $7, headers = coalesce($8, headers)
    where id = $1`,
    [
      importId,
      checkpoint,
      counters.rowsAccepted + counters.rowsRejected,
      counters.rowsAccepted,
      counters.rowsRejected,
      counters.invalidEmails + counters.invalidPhones,
      checkpoint.textBytes,
      headers && JSON.stringify(headers),
    ],
  );
}

/** Records rejected lines. */
export async function saveRejects(
  client: PoolClient,
  importId: string,
  rejects: readonly ImportReject[],
): Promise<void> {
  if (rejects.length === 0) return;
  await client.query(
    `insert into lists.list_import_rows (list_import_id, line_number, outcome, reason_code, reason, raw)
    select $1, r."lineNumber", 'rejected', r.code, r.reason, r.raw
    from jsonb_to_recordset($2) r ("lineNumber" bigint, code text, reason text, raw text)`,
    [importId, JSON.stringify(rejects)],
  );
}

/**
 * Ends the upload: the merge is queued by this change. Only now is noted how the file was read, because another file may
 * be sent after one that failed, and then only what the import was started with counts.
 */
export async function finishUpload(client: PoolClient, importId: string, last: ImportBatch): Promise<void> {
  await client.query(
    `update lists.list_imports set status = 'queued', uploaded_at = now(), sha256 = $2, encoding = coalesce($3, encoding),
      delimiter = coalesce($4, delimiter), format = coalesce($5, format)
    where id = $1`,
    [importId, last.checkpoint.sha256, last.file?.encoding, last.file?.delimiter, last.file?.format],
  );
}

/**
 * The import that brought the same file into the same list before, if one did and was not undone. Until the transaction
 * ends, others that ask for the same file wait: of two that end at once, one is the earlier.
 */
export async function findSameFile(
  client: PoolClient,
  record: ImportRecord,
  sha256: string,
): Promise<string | undefined> {
  await client.query("select pg_advisory_xact_lock(hashtext($1), hashtext($2))", [record.listId, sha256]);
  const { rows } = await client.query<{ id: string }>(
    `select id from lists.list_imports where list_id = $1 and sha256 = $2 and id <> $3
      and status in ('queued', 'merging', 'completed') and not is_dry_run order by id limit 1`,
    [record.listId, sha256, record.id],
  );
  return rows[0]?.id;
}

/** Notes why an upload ended early: `interrupted` may go on, `failed` begins anew. */
export async function endUpload(
  client: PoolClient,
  importId: string,
  status: "interrupted" | "failed",
  error: { code: string; message: string },
): Promise<void> {
  const changed = await client.query(
    `update lists.list_imports set status = $2::text, error_code = $3, error_message = $4,
      checkpoint = case when $2::text = 'failed' then null else checkpoint end
    where id = $1 and status = 'uploading'`,
    [importId, status, error.code, error.message.slice(0, 2000)],
  );
  if (status === "failed" && changed.rowCount) await client.query("select lists.drop_import_staging($1)", [importId]);
}
