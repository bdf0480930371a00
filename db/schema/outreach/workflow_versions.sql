-- The graph of a workflow as it was at a time: a draft changes, what was published never does.
create table if not exists outreach.workflow_versions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_id uuid not null,
  version integer not null constraint workflow_versions_version_check check (version >= 1),
  status outreach.workflow_version_status not null default 'draft',
  trigger jsonb not null default '{}' constraint workflow_versions_trigger_check check (jsonb_typeof(trigger) = 'object'),
  nodes jsonb not null default '[]' constraint workflow_versions_nodes_check check (jsonb_typeof(nodes) = 'array'),
  edges jsonb not null default '[]' constraint workflow_versions_edges_check check (jsonb_typeof(edges) = 'array'),
  goals jsonb not null default '[]' constraint workflow_versions_goals_check check (jsonb_typeof(goals) = 'array'),
  changelog text constraint workflow_versions_changelog_check check (length(changelog) <= 5000),
  created_by uuid default app.actor_id(),
  published_by uuid,
  published_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_versions_pkey primary key (tenant_id, id),
  constraint workflow_versions_published_at_check check ((status = 'published') = (published_at is not null))
);
comment on table outreach.workflow_versions is E'@typeid wfv\nThe graph of a workflow as it was at a time.';
comment on column outreach.workflow_versions.version is 'Number of the version, from 1; given by the database.';
comment on column outreach.workflow_versions.trigger is 'What starts a run, a JSON object such as {"event": "contact.created"}.';
comment on column outreach.workflow_versions.nodes is 'The nodes: an array of {id, type, config}; exactly one is of type trigger.';
comment on column outreach.workflow_versions.edges is 'The ways between them: an array of {from, to, when}.';
comment on column outreach.workflow_versions.goals is 'What the workflow is for: an array of {name, condition}.';
comment on column outreach.workflow_versions.changelog is 'What is new.';
comment on column outreach.workflow_versions.created_by is 'Actor who drew it.';
comment on column outreach.workflow_versions.published_by is 'Actor who published it.';
create unique index if not exists workflow_versions_workflow_id_version_key on outreach.workflow_versions (tenant_id, workflow_id, version);
create unique index if not exists workflow_versions_draft_key on outreach.workflow_versions (tenant_id, workflow_id) where status = 'draft';
select ddl.foreign_key('outreach.workflow_versions', 'workflow_id', 'outreach.workflows', 'cascade', p_index => false);
select ddl.foreign_key('outreach.workflow_versions', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('outreach.workflow_versions', 'published_by', 'iam.actors', 'set null');
comment on constraint workflow_versions_workflow_id_fkey on outreach.workflow_versions is E'@nestedCreate\n@foreignFieldName versions';
select ddl.tenant_table('outreach.workflow_versions', p_insert => '{workflow_id,trigger,nodes,edges,goals,changelog}', p_update => '{trigger,nodes,edges,goals,changelog}');
select ddl.state_machine('outreach.workflow_versions', 'status', '{"draft": ["published"], "published": []}', '{draft}');

create or replace function outreach.guard_published_workflow_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Version %s of the workflow is published and never changes. Make a new draft by newWorkflowVersion.', old.version));
  return null;
end
$$;
comment on function outreach.guard_published_workflow_version() is 'Keeps a published version as it was.';
select ddl.trigger('outreach.workflow_versions', '_200_published', $$before update or delete for each row
  when (old.status = 'published' and pg_trigger_depth() = 0) execute function outreach.guard_published_workflow_version()$$);

create or replace function outreach.number_workflow_version() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two who draw the next version at once take turns.
  perform from outreach.workflows where tenant_id = new.tenant_id and id = new.workflow_id for no key update;
  select coalesce(max(version), 0) + 1 into new.version
  from outreach.workflow_versions where tenant_id = new.tenant_id and workflow_id = new.workflow_id;
  return new;
end
$$;
comment on function outreach.number_workflow_version() is 'Numbers the versions of a workflow, one after the other.';
select ddl.trigger('outreach.workflow_versions', '_300_number',
  'before insert for each row when (new.version is null) execute function outreach.number_workflow_version()');
