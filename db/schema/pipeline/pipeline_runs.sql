-- One execution of a pipeline: what caused it, how it went, what came out.
create table if not exists pipeline.pipeline_runs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  blueprint_version_id uuid,
  pipeline_name text not null constraint pipeline_runs_pipeline_name_check check (length(pipeline_name) between 1 and 200),
  correlation_id uuid not null default uuidv7(),
  parent_run_id uuid,
  replayed_from_run_id uuid,
  triggered_by uuid default app.actor_id(),
  automation_id uuid,
  webhook_event_id uuid,
  trigger_type pipeline.pipeline_run_trigger not null default 'manual',
  trigger_context jsonb not null default '{}' constraint pipeline_runs_trigger_context_check check (jsonb_typeof(trigger_context) = 'object'),
  status pipeline.pipeline_run_status not null default 'queued',
  stats jsonb not null default '{}' constraint pipeline_runs_stats_check check (jsonb_typeof(stats) = 'object'),
  error_code text,
  error_message text,
  retry_count integer not null default 0 constraint pipeline_runs_retry_count_check check (retry_count >= 0),
  started_at timestamptz,
  completed_at timestamptz,
  duration_ms bigint generated always as ((extract(epoch from completed_at - started_at) * 1000)::bigint) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pipeline_runs_pkey primary key (tenant_id, id),
  constraint pipeline_runs_completed_at_check check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null)),
  constraint pipeline_runs_duration_ms_check check (completed_at >= started_at),
  constraint pipeline_runs_started_at_check check (started_at is not null or status in ('queued', 'cancelled')),
  -- A reference may be missing (its row may be gone), but none stands where it means nothing.
  constraint pipeline_runs_trigger_type_check check (
    (automation_id is null or trigger_type in ('automation', 'scheduled', 'webhook'))
    and (webhook_event_id is null or trigger_type = 'webhook')
    and (replayed_from_run_id is null or trigger_type = 'replay')),
  constraint pipeline_runs_parent_run_id_check check (parent_run_id <> id and replayed_from_run_id <> id)
);
comment on table pipeline.pipeline_runs is E'@typeid run\nOne execution of a pipeline.';
comment on column pipeline.pipeline_runs.blueprint_version_id is 'The version whose steps it takes; none for a pipeline that is built in.';
comment on column pipeline.pipeline_runs.pipeline_name is 'Name of what runs: the blueprint''s when it started, or that of a built-in pipeline.';
comment on column pipeline.pipeline_runs.correlation_id is 'Ties together everything that one cause set going, across runs and artifacts.';
comment on column pipeline.pipeline_runs.parent_run_id is 'The run that this one is a part of.';
comment on column pipeline.pipeline_runs.replayed_from_run_id is 'The earlier run that this one does once more.';
comment on column pipeline.pipeline_runs.triggered_by is 'Actor who caused it: a member, an API key, an automation or the system.';
comment on column pipeline.pipeline_runs.automation_id is 'The automation that fired.';
comment on column pipeline.pipeline_runs.webhook_event_id is 'The webhook event that caused it.';
comment on column pipeline.pipeline_runs.trigger_context is 'What else is known of the cause, a JSON object.';
comment on column pipeline.pipeline_runs.stats is 'Figures of the run, a JSON object such as {"totalRecords": 100, "enriched": 80}.';
comment on column pipeline.pipeline_runs.error_code is 'Code of the error that ended it.';
comment on column pipeline.pipeline_runs.retry_count is 'How often a part of it was tried again.';
comment on column pipeline.pipeline_runs.duration_ms is 'From start to end, in milliseconds.';
create index if not exists pipeline_runs_blueprint_version_id_idx on pipeline.pipeline_runs (tenant_id, blueprint_version_id, id);
create index if not exists pipeline_runs_pipeline_name_idx on pipeline.pipeline_runs (tenant_id, pipeline_name, id);
create index if not exists pipeline_runs_correlation_id_idx on pipeline.pipeline_runs (tenant_id, correlation_id);
create index if not exists pipeline_runs_status_idx on pipeline.pipeline_runs (tenant_id, status, id);
create index if not exists pipeline_runs_created_at_idx on pipeline.pipeline_runs (tenant_id, created_at);
select ddl.foreign_key('pipeline.pipeline_runs', 'blueprint_version_id', 'pipeline.blueprint_versions', 'no action', p_index => false);
select ddl.foreign_key('pipeline.pipeline_runs', 'parent_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'replayed_from_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'triggered_by', 'iam.actors', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'automation_id', 'pipeline.automations', 'set null');
select ddl.foreign_key('pipeline.pipeline_runs', 'webhook_event_id', 'pipeline.webhook_events', 'set null');
comment on constraint pipeline_runs_blueprint_version_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName runs';
comment on constraint pipeline_runs_parent_run_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName childRuns';
comment on constraint pipeline_runs_replayed_from_run_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName replays';
comment on constraint pipeline_runs_automation_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName runs';
comment on constraint pipeline_runs_webhook_event_id_fkey on pipeline.pipeline_runs is E'@foreignFieldName runs';
select ddl.tenant_table('pipeline.pipeline_runs');
select ddl.state_machine('pipeline.pipeline_runs', 'status',
  '{"queued": ["running", "cancelled"], "running": ["completed", "failed", "cancelled"], "completed": [], "failed": [], "cancelled": []}', '{queued}');
select ddl.trigger('pipeline.pipeline_runs', '_300_progress', 'before update of status for each row execute function pipeline.stamp_progress()');
select ddl.notify_progress('pipeline.pipeline_runs', 'update');
-- A run without a version is of a pipeline that is built in, and is kept by what runs it.
select ddl.enqueue('pipeline.pipeline_runs', 'run_pipeline', 'insert', $$r.status = 'queued' and r.blueprint_version_id is not null$$);
select ddl.masked('pipeline.pipeline_runs', '{"trigger_context": "json", "error_message": "text"}');
