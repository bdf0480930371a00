-- When a waiting run goes on.
create table if not exists outreach.workflow_schedules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_run_id uuid not null,
  node_id text not null constraint workflow_schedules_node_id_check check (length(node_id) between 1 and 200),
  scheduled_at timestamptz not null,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_schedules_pkey primary key (tenant_id, id)
);
comment on table outreach.workflow_schedules is E'@typeid wfsch\nWhen a waiting run goes on at a node.';
comment on column outreach.workflow_schedules.node_id is 'Node at which it goes on.';
create unique index if not exists workflow_schedules_workflow_run_id_key on outreach.workflow_schedules (tenant_id, workflow_run_id) where processed_at is null;
create index if not exists workflow_schedules_workflow_run_id_idx on outreach.workflow_schedules (tenant_id, workflow_run_id, id);
create index if not exists workflow_schedules_scheduled_at_idx on outreach.workflow_schedules (tenant_id, scheduled_at) where processed_at is null;
select ddl.foreign_key('outreach.workflow_schedules', 'workflow_run_id', 'outreach.workflow_runs', 'cascade', p_index => false);
comment on constraint workflow_schedules_workflow_run_id_fkey on outreach.workflow_schedules is E'@foreignFieldName schedules\n@fieldName run';
select ddl.tenant_table('outreach.workflow_schedules');
