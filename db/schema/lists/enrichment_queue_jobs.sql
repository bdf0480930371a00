-- A batch of entries of one run of a plan: the unit of work, of retry and of progress.
create table if not exists lists.enrichment_queue_jobs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  enrichment_plan_id uuid not null,
  list_id uuid not null,
  list_import_id uuid,
  run_number integer not null,
  batch_number integer not null,
  first_entry_id uuid not null,
  last_entry_id uuid not null,
  status lists.queue_job_status not null default 'queued',
  entry_count integer not null default 0,
  processed_count integer not null default 0,
  changed_count integer not null default 0,
  failed_count integer not null default 0,
  attempt_count integer not null default 0,
  progress_log jsonb not null default '[]' constraint enrichment_queue_jobs_progress_log_check check (jsonb_typeof(progress_log) = 'array'),
  leased_by uuid,
  lease_expires_at timestamptz,
  error_message text,
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint enrichment_queue_jobs_pkey primary key (tenant_id, id),
  constraint enrichment_queue_jobs_batch_number_key unique (tenant_id, enrichment_plan_id, run_number, batch_number)
);
comment on table lists.enrichment_queue_jobs is E'@typeid batch\nA batch of entries in a run of an enrichment plan.';
comment on column lists.enrichment_queue_jobs.list_import_id is 'Import whose entries the run is limited to, if any.';
comment on column lists.enrichment_queue_jobs.run_number is 'Which run of the plan, from 1.';
comment on column lists.enrichment_queue_jobs.batch_number is 'Which batch of the run, from 1.';
comment on column lists.enrichment_queue_jobs.first_entry_id is E'@behavior -*\nThe batch holds the entries of the list between these two ids.';
comment on column lists.enrichment_queue_jobs.last_entry_id is E'@behavior -*\nThe batch holds the entries of the list between these two ids.';
comment on column lists.enrichment_queue_jobs.changed_count is 'Entries of which something was learnt.';
comment on column lists.enrichment_queue_jobs.failed_count is 'Entries of which a step failed.';
comment on column lists.enrichment_queue_jobs.progress_log is 'What happened when: an array of {at, event, …}.';
comment on column lists.enrichment_queue_jobs.leased_by is 'Actor of the external runner that works on the batch.';
comment on column lists.enrichment_queue_jobs.lease_expires_at is 'When the batch falls back to the queue unless the runner renews its lease.';
create index if not exists enrichment_queue_jobs_list_id_idx on lists.enrichment_queue_jobs (tenant_id, list_id, id);
create index if not exists enrichment_queue_jobs_status_idx on lists.enrichment_queue_jobs (tenant_id, status, id);
select ddl.foreign_key('lists.enrichment_queue_jobs', 'enrichment_plan_id', 'lists.enrichment_plans', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_queue_jobs', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_queue_jobs', 'list_import_id', 'lists.list_imports', 'set null');
select ddl.foreign_key('lists.enrichment_queue_jobs', 'leased_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.enrichment_queue_jobs');
select ddl.state_machine('lists.enrichment_queue_jobs', 'status', '{
  "queued": ["running", "failed", "cancelled"], "running": ["succeeded", "queued", "failed", "cancelled"], "succeeded": [],
  "failed": ["queued", "cancelled"], "cancelled": ["queued", "failed"]}');
select ddl.enqueue('lists.enrichment_queue_jobs', 'enrich_batch', 'insert', $$r.status = 'queued'$$);
select ddl.notify_progress('lists.enrichment_queue_jobs', 'insert', 'enrichment_plan_id', 'lists.enrichment_plans');
select ddl.notify_progress('lists.enrichment_queue_jobs', 'update', 'enrichment_plan_id', 'lists.enrichment_plans');
select ddl.masked('lists.enrichment_queue_jobs', '{"progress_log": "json", "error_message": "text"}');
