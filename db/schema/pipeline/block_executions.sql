-- What each block of a run did.
create table if not exists pipeline.block_executions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  pipeline_run_id uuid not null,
  block_index integer not null constraint block_executions_block_index_check check (block_index >= 0),
  block_name text not null constraint block_executions_block_name_check check (length(block_name) between 1 and 200),
  status pipeline.block_execution_status not null default 'pending',
  processed_count bigint not null default 0,
  succeeded_count bigint not null default 0,
  failed_count bigint not null default 0,
  error_code text,
  error_message text,
  retry_count integer not null default 0 constraint block_executions_retry_count_check check (retry_count >= 0),
  last_retry_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  duration_ms bigint generated always as ((extract(epoch from completed_at - started_at) * 1000)::bigint) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint block_executions_pkey primary key (tenant_id, id),
  constraint block_executions_processed_count_check
    check (succeeded_count >= 0 and failed_count >= 0 and succeeded_count + failed_count <= processed_count),
  constraint block_executions_completed_at_check check ((status in ('completed', 'failed', 'skipped')) = (completed_at is not null)),
  constraint block_executions_duration_ms_check check (completed_at >= started_at),
  constraint block_executions_started_at_check check (started_at is not null or status in ('pending', 'skipped'))
);
comment on table pipeline.block_executions is E'@typeid block\nWhat one block did within a run.';
comment on column pipeline.block_executions.block_index is 'Place of the block in the run, from 0.';
comment on column pipeline.block_executions.block_name is 'Name of the step that it runs: check_email, tag, …';
comment on column pipeline.block_executions.processed_count is 'How many records it worked on.';
comment on column pipeline.block_executions.succeeded_count is 'How many of them went well.';
comment on column pipeline.block_executions.failed_count is 'How many of them failed.';
comment on column pipeline.block_executions.error_code is 'Code of the last error.';
comment on column pipeline.block_executions.retry_count is 'How often it was tried again.';
comment on column pipeline.block_executions.duration_ms is 'From start to end, in milliseconds.';
create unique index if not exists block_executions_pipeline_run_id_block_index_key
  on pipeline.block_executions (tenant_id, pipeline_run_id, block_index);
create index if not exists block_executions_block_name_idx on pipeline.block_executions (tenant_id, block_name, id);
create index if not exists block_executions_status_idx on pipeline.block_executions (tenant_id, status, id);
select ddl.foreign_key('pipeline.block_executions', 'pipeline_run_id', 'pipeline.pipeline_runs', 'cascade', p_index => false);
comment on constraint block_executions_pipeline_run_id_fkey on pipeline.block_executions is E'@foreignFieldName blocks';
select ddl.tenant_table('pipeline.block_executions');
select ddl.state_machine('pipeline.block_executions', 'status',
  '{"pending": ["running", "skipped"], "running": ["completed", "failed", "skipped"], "completed": [], "failed": [], "skipped": []}', '{pending}');
select ddl.trigger('pipeline.block_executions', '_300_progress', 'before update of status for each row execute function pipeline.stamp_progress()');
select ddl.notify_progress('pipeline.block_executions', 'update', 'pipeline_run_id', 'pipeline.pipeline_runs');
select ddl.masked('pipeline.block_executions', '{"error_message": "text"}');
