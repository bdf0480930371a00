-- A webhook event never changes, so what became of it is a row of its own: one for each time it was worked off.
create table if not exists pipeline.webhook_event_outcomes (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_event_id uuid not null,
  outcome pipeline.webhook_outcome not null,
  pipeline_run_id uuid,
  error_code text,
  error_message text,
  processed_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint webhook_event_outcomes_pkey primary key (tenant_id, id),
  constraint webhook_event_outcomes_error_code_check check (error_code is null or outcome = 'failed')
);
comment on table pipeline.webhook_event_outcomes is E'@typeid who\nWhat became of a webhook event when it was worked off.';
comment on column pipeline.webhook_event_outcomes.pipeline_run_id is 'The run that it set going.';
comment on column pipeline.webhook_event_outcomes.error_code is 'Code of the error, when it failed.';
select ddl.foreign_key('pipeline.webhook_event_outcomes', 'webhook_event_id', 'pipeline.webhook_events', 'cascade');
select ddl.foreign_key('pipeline.webhook_event_outcomes', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.append_only('pipeline.webhook_event_outcomes', p_select_role => 'rowhouse_manager');
