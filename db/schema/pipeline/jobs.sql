-- The queue forgets finished jobs; this is what people see of them: history, progress, dead letters.
create table if not exists pipeline.jobs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  task text not null,
  subject_type text not null,
  subject_id uuid not null,
  status pipeline.job_status not null default 'queued',
  attempt_count integer not null default 0,
  max_attempts integer not null default 8,
  progress float8 not null default 0 constraint jobs_progress_check check (progress between 0 and 1),
  error_code text,
  error_message text,
  worker_id text,
  queued_by uuid,
  queued_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  depth smallint not null default coalesce(nullif(current_setting('rowhouse.depth', true), '')::smallint, 0)
    constraint jobs_depth_check check (depth >= 0),
  correlation_id uuid default nullif(current_setting('rowhouse.correlation_id', true), '')::uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint jobs_pkey primary key (tenant_id, id)
);
comment on table pipeline.jobs is E'@typeid job\nOne piece of background work: what it works on, how far it is, and how it ended.';
comment on column pipeline.jobs.task is 'Name of the task that does it.';
comment on column pipeline.jobs.subject_type is 'Table of the row that the job works on.';
comment on column pipeline.jobs.subject_id is 'Row that the job works on.';
comment on column pipeline.jobs.attempt_count is 'How often it was started.';
comment on column pipeline.jobs.max_attempts is 'After how many failed attempts it counts as dead.';
comment on column pipeline.jobs.progress is 'From 0 to 1.';
comment on column pipeline.jobs.error_code is 'Code of the last error.';
comment on column pipeline.jobs.error_message is 'What the last error said.';
comment on column pipeline.jobs.worker_id is E'@behavior -*\nWorker process that runs it.';
comment on column pipeline.jobs.queued_by is 'Actor whose change queued it.';
comment on column pipeline.jobs.cancel_requested_at is 'When somebody asked to cancel it; a running job stops at its next checkpoint.';
comment on column pipeline.jobs.depth is 'How many automations stand behind it, and so behind what it does.';
comment on column pipeline.jobs.correlation_id is 'Ties it to everything else that had the same cause.';
select ddl.foreign_key('pipeline.jobs', 'queued_by', 'iam.actors', 'set null');
create index if not exists jobs_subject_id_idx on pipeline.jobs (tenant_id, subject_id);
create index if not exists jobs_status_idx on pipeline.jobs (tenant_id, status, id);
select ddl.tenant_table('pipeline.jobs', p_system => 'select, update');
select ddl.notify_progress('pipeline.jobs', 'update');
select ddl.masked('pipeline.jobs', '{"error_message": "text"}');
