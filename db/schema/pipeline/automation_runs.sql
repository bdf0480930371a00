-- What became of each firing of an automation. The event is no reference: whole months of events are dropped.
create table if not exists pipeline.automation_runs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  automation_id uuid not null,
  status pipeline.automation_run_status not null default 'queued',
  reason text constraint automation_runs_reason_check check (length(reason) <= 2000),
  event_id uuid,
  webhook_event_id uuid,
  due_at timestamptz,
  subject_type text,
  subject_id uuid,
  depth smallint not null default 0 constraint automation_runs_depth_check check (depth >= 0),
  correlation_id uuid not null default uuidv7(),
  decided_by jsonb,
  is_counted boolean not null default false,
  results jsonb not null default '[]' constraint automation_runs_results_check check (jsonb_typeof(results) = 'array'),
  pipeline_run_id uuid,
  error_code text,
  error_message text,
  attempt_count integer not null default 0 constraint automation_runs_attempt_count_check check (attempt_count >= 0),
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint automation_runs_pkey primary key (tenant_id, id),
  constraint automation_runs_finished_at_check check ((status in ('queued', 'running')) = (finished_at is null)),
  constraint automation_runs_event_id_check check (num_nonnulls(event_id, webhook_event_id, due_at) = 1)
);
comment on table pipeline.automation_runs is E'@typeid arun\nA firing of an automation: what set it going, what it did, or why it did nothing. Kept for ninety days, what was skipped for seven.';
comment on column pipeline.automation_runs.reason is 'Why it was skipped or refused.';
comment on column pipeline.automation_runs.event_id is E'@typeid evt\nThe event of the feed that set it going.';
comment on column pipeline.automation_runs.webhook_event_id is E'@typeid wh\nThe webhook that set it going.';
comment on column pipeline.automation_runs.due_at is 'The time of its schedule that set it going.';
comment on column pipeline.automation_runs.subject_type is 'Table of the row that it is about.';
comment on column pipeline.automation_runs.subject_id is 'The row that it is about, when it is one.';
comment on column pipeline.automation_runs.depth is 'How many automations stand behind what set it going; what it causes has one more.';
comment on column pipeline.automation_runs.correlation_id is 'Ties it to everything else that had the same cause.';
comment on column pipeline.automation_runs.decided_by is 'The condition that decided whether it fires, with what was found there, a JSON object.';
comment on column pipeline.automation_runs.is_counted is E'@behavior -*\nWhether it counts for the rate: of the rows of one event, the first does.';
comment on column pipeline.automation_runs.results is 'What each action did, in order: [{"verb": …, "arguments": {…}, "id": …}].';
comment on column pipeline.automation_runs.pipeline_run_id is 'The run of the blueprint that it started.';
comment on column pipeline.automation_runs.error_code is 'Code of the error that ended it.';
comment on column pipeline.automation_runs.attempt_count is 'How often it was tried.';
-- One firing for each automation and cause, however often a worker dies in between.
create unique index if not exists automation_runs_event_id_key on pipeline.automation_runs (tenant_id, automation_id, event_id, subject_id) nulls not distinct where event_id is not null;
create unique index if not exists automation_runs_due_at_key on pipeline.automation_runs (tenant_id, automation_id, due_at) where due_at is not null;
create unique index if not exists automation_runs_webhook_event_id_key on pipeline.automation_runs (tenant_id, automation_id, webhook_event_id)
  where webhook_event_id is not null and status in ('queued', 'running', 'succeeded');
create index if not exists automation_runs_automation_id_idx on pipeline.automation_runs (tenant_id, automation_id, created_at);
-- How often it fired of late is asked at each firing.
create index if not exists automation_runs_fired_idx on pipeline.automation_runs (tenant_id, automation_id, created_at) where is_counted;
create index if not exists automation_runs_status_idx on pipeline.automation_runs (tenant_id, status, id);
create index if not exists automation_runs_correlation_id_idx on pipeline.automation_runs (tenant_id, correlation_id);
select ddl.foreign_key('pipeline.automation_runs', 'automation_id', 'pipeline.automations', 'cascade', p_index => false);
select ddl.foreign_key('pipeline.automation_runs', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
comment on constraint automation_runs_automation_id_fkey on pipeline.automation_runs is E'@foreignFieldName firings';
select ddl.tenant_table('pipeline.automation_runs', p_select_role => 'rowhouse_manager');
select ddl.state_machine('pipeline.automation_runs', 'status',
  '{"queued": ["running", "succeeded", "failed"], "running": ["queued", "succeeded", "failed"], "failed": ["queued"], "refused": ["queued"], "succeeded": [], "skipped": []}');
select ddl.enqueue('pipeline.automation_runs', 'run_automation', 'insert', $$r.status = 'queued'$$);
select ddl.enqueue('pipeline.automation_runs', 'run_automation', 'update', $$r.status = 'queued' and o.status in ('failed', 'refused')$$);
