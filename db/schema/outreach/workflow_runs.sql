-- A contact on its way through a workflow.
create table if not exists outreach.workflow_runs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_version_id uuid not null,
  contact_id uuid not null,
  lead_id uuid,
  status outreach.workflow_run_status not null default 'running',
  current_node_id text constraint workflow_runs_current_node_id_check check (length(current_node_id) <= 200),
  context jsonb not null default '{}' constraint workflow_runs_context_check check (jsonb_typeof(context) = 'object'),
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  started_at timestamptz not null default now(),
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_runs_pkey primary key (tenant_id, id),
  constraint workflow_runs_completed_at_check check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null))
);
comment on table outreach.workflow_runs is E'@typeid wfr\nA contact on its way through a workflow. A run stays on the version on which it began.';
comment on column outreach.workflow_runs.lead_id is 'The lead on whose behalf.';
comment on column outreach.workflow_runs.current_node_id is 'The node it is at.';
comment on column outreach.workflow_runs.context is 'What the run knows, a JSON object.';
comment on column outreach.workflow_runs.error_code is 'Code of the last error.';
comment on column outreach.workflow_runs.started_by is 'Actor who started it.';
create index if not exists workflow_runs_workflow_version_id_idx on outreach.workflow_runs (tenant_id, workflow_version_id, status, id);
create index if not exists workflow_runs_contact_id_idx on outreach.workflow_runs (tenant_id, contact_id, id);
create index if not exists workflow_runs_status_idx on outreach.workflow_runs (tenant_id, status, id);
create index if not exists workflow_runs_started_at_idx on outreach.workflow_runs (tenant_id, started_at);
select ddl.foreign_key('outreach.workflow_runs', 'workflow_version_id', 'outreach.workflow_versions', 'restrict', p_index => false);
select ddl.foreign_key('outreach.workflow_runs', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('outreach.workflow_runs', 'lead_id', 'crm.leads', 'set null');
select ddl.foreign_key('outreach.workflow_runs', 'started_by', 'iam.actors', 'set null');
comment on constraint workflow_runs_workflow_version_id_fkey on outreach.workflow_runs is E'@foreignFieldName runs\n@fieldName version';
select ddl.tenant_table('outreach.workflow_runs', p_update => '{status}');
select ddl.state_machine('outreach.workflow_runs', 'status',
  '{"running": ["waiting", "paused", "completed", "failed", "cancelled"], "waiting": ["running", "paused", "failed", "cancelled"],
    "paused": ["running", "waiting", "cancelled"], "completed": [], "failed": [], "cancelled": []}', '{running,waiting}');

create or replace function outreach.workflows_runs(workflow outreach.workflows) returns setof outreach.workflow_runs
language sql stable
begin atomic
  select r.* from outreach.workflow_runs r
  where r.tenant_id = workflow.tenant_id and r.workflow_version_id in (
    select v.id from outreach.workflow_versions v where v.tenant_id = workflow.tenant_id and v.workflow_id = workflow.id);
end;
comment on function outreach.workflows_runs(outreach.workflows) is E'@behavior +order\nRuns of the workflow, of whichever version.';
grant execute on function outreach.workflows_runs(outreach.workflows) to rowhouse_viewer;

create or replace function outreach.stamp_workflow_run() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.completed_at := case when new.status in ('completed', 'failed', 'cancelled') then coalesce(new.completed_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_workflow_run() is 'Keeps the time that follows from the status of a run.';
select ddl.trigger('outreach.workflow_runs', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_workflow_run()');

create or replace function outreach.guard_run_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Run %s stays on the version on which it began. Start another run for another version.', old.id), 'workflowVersionId');
  return null;
end
$$;
comment on function outreach.guard_run_version() is 'Keeps a run on its version.';
select ddl.trigger('outreach.workflow_runs', '_200_version', $$before update of workflow_version_id for each row
  when (old.workflow_version_id <> new.workflow_version_id) execute function outreach.guard_run_version()$$);
select ddl.masked('outreach.workflow_runs', '{"context": "json", "error_message": "text"}');
