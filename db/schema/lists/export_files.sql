-- A file that an export wrote; it can be downloaded until it expires.
create table if not exists lists.export_files (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  export_job_id uuid not null,
  file_name text not null,
  storage_key text not null,
  content_type text not null,
  byte_count bigint not null,
  row_count bigint not null,
  sha256 text not null constraint export_files_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
  download_count integer not null default 0,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint export_files_pkey primary key (tenant_id, id)
);
comment on table lists.export_files is E'@typeid file\nA file written by an export.';
comment on column lists.export_files.storage_key is E'@behavior -*\nWhere the file lies in the store.';
comment on column lists.export_files.sha256 is 'SHA-256 of the file as it is downloaded, hexadecimal.';
comment on column lists.export_files.expires_at is 'When the file is removed.';
create index if not exists export_files_expires_at_idx on lists.export_files (expires_at);
select ddl.foreign_key('lists.export_files', 'export_job_id', 'lists.export_jobs', 'cascade');
select ddl.tenant_table('lists.export_files');
select ddl.masked('lists.export_files', '{"sha256": "hidden"}');
