-- A graph of nodes that contacts move through. The graph itself is in versions.
create table if not exists outreach.workflows (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint workflows_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint workflows_description_check check (length(description) <= 5000),
  status outreach.workflow_status not null default 'draft',
  published_version_id uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint workflows_pkey primary key (tenant_id, id),
  constraint workflows_published_version_id_check check (status in ('draft', 'archived') or published_version_id is not null)
);
comment on table outreach.workflows is E'@typeid wf\nA graph of nodes that contacts move through.';
comment on column outreach.workflows.published_version_id is 'The version that new runs take; changed by publishWorkflow.';
comment on column outreach.workflows.created_by is 'Actor who made it.';
create unique index if not exists workflows_name_key on outreach.workflows (tenant_id, name) where deleted_at is null;
create index if not exists workflows_status_idx on outreach.workflows (tenant_id, status, id);
create index if not exists workflows_created_at_idx on outreach.workflows (tenant_id, created_at);
select ddl.foreign_key('outreach.workflows', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.workflows', p_insert => '{name,description}', p_update => '{name,description,status}');
select ddl.state_machine('outreach.workflows', 'status',
  '{"draft": ["active", "archived"], "active": ["paused", "archived"], "paused": ["active", "archived"], "archived": ["paused", "draft"]}', '{draft}');
