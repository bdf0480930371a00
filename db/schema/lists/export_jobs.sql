-- A request to write a list, or a part of it, to a file.
create table if not exists lists.export_jobs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  status lists.export_status not null default 'queued',
  format lists.export_format not null default 'csv',
  is_gzip boolean not null default false,
  filter jsonb not null default '{}' constraint export_jobs_filter_check check (jsonb_typeof(filter) = 'object'),
  columns jsonb not null default '[]' constraint export_jobs_columns_check check (jsonb_typeof(columns) = 'array'),
  tag text constraint export_jobs_tag_check check (length(tag) <= 200),
  total_count bigint,
  row_count bigint not null default 0,
  byte_count bigint not null default 0,
  connection_id uuid,
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  cancel_requested_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint export_jobs_pkey primary key (tenant_id, id)
);
comment on table lists.export_jobs is E'@typeid exp\nAn export of a list to a file.';
comment on column lists.export_jobs.filter is 'Which entries, in the form of a list entry filter; all of the list when empty.';
comment on column lists.export_jobs.columns is 'Which columns in which order: names of entry columns, or data.<header>.';
comment on column lists.export_jobs.tag is 'Tag that exported entries are given.';
comment on column lists.export_jobs.total_count is 'How many entries will be written, once counted.';
comment on column lists.export_jobs.row_count is 'How many entries were written so far.';
comment on column lists.export_jobs.byte_count is 'Size of what was written so far, in bytes.';
comment on column lists.export_jobs.connection_id is E'@name destination_id\nWhere the file is delivered to; nowhere when empty: it can be downloaded.';
comment on column lists.export_jobs.error_code is 'Code of the error that ended the export.';
comment on column lists.export_jobs.started_by is 'Actor who started the export.';
create index if not exists export_jobs_list_id_idx on lists.export_jobs (tenant_id, list_id, id);
create index if not exists export_jobs_status_idx on lists.export_jobs (tenant_id, status, id);
select ddl.foreign_key('lists.export_jobs', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.export_jobs', 'started_by', 'iam.actors', 'set null');
select ddl.foreign_key('lists.export_jobs', 'connection_id', 'lists.connections', 'no action');
comment on constraint export_jobs_connection_id_fkey on lists.export_jobs is E'@fieldName destination\n@foreignFieldName exportJobs';
select ddl.tenant_table('lists.export_jobs');
-- A job that failed or was cancelled can be retried; then its export runs once more.
select ddl.state_machine('lists.export_jobs', 'status', '{
  "queued": ["running", "failed", "cancelled"], "running": ["succeeded", "queued", "failed", "cancelled"], "succeeded": ["expired"],
  "failed": ["running"], "cancelled": ["queued", "running", "failed"], "expired": []}');
select ddl.enqueue('lists.export_jobs', 'export_list', 'insert', $$r.status = 'queued'$$);
select ddl.notify_progress('lists.export_jobs', 'update');
select ddl.masked('lists.export_jobs', '{"filter": "json", "error_message": "text"}');
