-- One uploaded file on its way into a list: how to read it, how far it is, what became of its rows.
create table if not exists lists.list_imports (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  status lists.import_status not null default 'awaiting_upload',
  file_name text constraint list_imports_file_name_check check (length(file_name) <= 500),
  format lists.import_format not null default 'auto',
  encoding text,
  delimiter text,
  has_header boolean not null default true,
  mapping jsonb constraint list_imports_mapping_check check (jsonb_typeof(mapping) = 'object'),
  default_country text not null default 'US' constraint list_imports_default_country_check check (default_country ~ '^[A-Z]{2}$'),
  duplicate_policy lists.duplicate_policy not null default 'skip',
  is_dry_run boolean not null default false,
  headers jsonb constraint list_imports_headers_check check (jsonb_typeof(headers) = 'array'),
  byte_count bigint not null default 0,
  sha256 text constraint list_imports_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
  line_count bigint not null default 0,
  accepted_count bigint not null default 0,
  rejected_count bigint not null default 0,
  warning_count bigint not null default 0,
  inserted_count bigint not null default 0,
  filled_count bigint not null default 0,
  overwritten_count bigint not null default 0,
  skipped_count bigint not null default 0,
  removed_count bigint not null default 0,
  restored_count bigint not null default 0,
  checkpoint jsonb,
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  upload_started_at timestamptz,
  uploaded_at timestamptz,
  completed_at timestamptz,
  cancelled_at timestamptz,
  undone_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint list_imports_pkey primary key (tenant_id, id)
);
comment on table lists.list_imports is E'@typeid imp\nA file being imported into a list: how to read it, how far it is, and what became of its rows.';
comment on column lists.list_imports.encoding is 'Character encoding of the file, as given or as detected.';
comment on column lists.list_imports.delimiter is 'Character between fields of a CSV file, as given or as detected.';
comment on column lists.list_imports.mapping is 'Header to entry column; null leaves a header out. Without a mapping, well-known headers are recognised.';
comment on column lists.list_imports.default_country is 'Country of phone numbers without a country code (ISO 3166 alpha-2).';
comment on column lists.list_imports.is_dry_run is 'Only report what the import would do.';
comment on column lists.list_imports.headers is 'Headers of the file with the column each was mapped to: an array of {name, mappedTo}.';
comment on column lists.list_imports.byte_count is 'Bytes of the file read so far, after decompression.';
comment on column lists.list_imports.sha256 is 'SHA-256 of the file''s content after decompression, hexadecimal.';
comment on column lists.list_imports.line_count is 'Records read from the file, without the header.';
comment on column lists.list_imports.accepted_count is 'Rows that could be read.';
comment on column lists.list_imports.rejected_count is 'Rows that could not be read; the reject file says why.';
comment on column lists.list_imports.warning_count is 'Values that were kept only in data, such as an e-mail column that holds no address.';
comment on column lists.list_imports.removed_count is 'Entries that undoing the import deleted; they can be restored.';
comment on column lists.list_imports.restored_count is 'Entries that undoing the import gave back what they held before.';
comment on column lists.list_imports.checkpoint is E'@behavior -*\nHow far an upload is kept, to go on after an interruption.';
comment on column lists.list_imports.error_code is 'Code of the error that ended the import.';
comment on column lists.list_imports.error_message is 'What ended the import, and what to do.';
comment on column lists.list_imports.started_by is 'Actor who started the import.';
create index if not exists list_imports_status_idx on lists.list_imports (tenant_id, status, id);
create index if not exists list_imports_sha256_idx on lists.list_imports (tenant_id, list_id, sha256);
select ddl.foreign_key('lists.list_imports', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.list_imports', 'started_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.list_imports');
-- After a failure another file can be sent, or the merge of the same one be retried.
select ddl.state_machine('lists.list_imports', 'status', '{
  "awaiting_upload": ["uploading", "cancelled"], "uploading": ["queued", "interrupted", "failed", "cancelled"],
  "interrupted": ["uploading", "cancelled"], "queued": ["merging", "failed", "cancelled"], "merging": ["completed", "failed", "cancelled"],
  "failed": ["uploading", "merging", "cancelled"], "completed": ["undoing"], "undoing": ["undone", "completed"], "cancelled": [], "undone": []}');
select ddl.enqueue('lists.list_imports', 'merge_import', 'update', $$r.status = 'queued' and o.status is distinct from 'queued'$$);
select ddl.enqueue('lists.list_imports', 'undo_import', 'update', $$r.status = 'undoing' and o.status is distinct from 'undoing'$$);
select ddl.notify_progress('lists.list_imports', 'update');
select ddl.masked('lists.list_imports', '{"mapping": "names", "headers": "names", "sha256": "hidden", "checkpoint": "json", "error_message": "text"}');
