-- What is to be learnt about the entries of a list.
create table if not exists lists.enrichment_plans (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  blueprint_id uuid,
  name text not null constraint enrichment_plans_name_check check (length(btrim(name)) between 1 and 200),
  status lists.plan_status not null default 'active',
  is_auto_run boolean not null default false,
  batch_size integer not null default 1000 constraint enrichment_plans_batch_size_check check (batch_size between 1 and 10000),
  run_count integer not null default 0,
  last_run_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint enrichment_plans_pkey primary key (tenant_id, id)
);
comment on table lists.enrichment_plans is E'@typeid plan\nThe steps by which the entries of a list are checked and completed.';
comment on column lists.enrichment_plans.blueprint_id is 'The pipeline that runs; the steps of the plan when empty.';
comment on column lists.enrichment_plans.is_auto_run is 'Run it on the entries of each finished import of the list.';
comment on column lists.enrichment_plans.batch_size is 'How many entries a job works on at a time.';
comment on column lists.enrichment_plans.run_count is 'How often it was run.';
comment on column lists.enrichment_plans.created_by is 'Actor who made the plan.';
create unique index if not exists enrichment_plans_name_key on lists.enrichment_plans (tenant_id, list_id, name) where deleted_at is null;
create index if not exists enrichment_plans_list_id_idx on lists.enrichment_plans (tenant_id, list_id, id);
select ddl.foreign_key('lists.enrichment_plans', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.enrichment_plans', 'blueprint_id', 'pipeline.blueprints', 'no action');
select ddl.foreign_key('lists.enrichment_plans', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.enrichment_plans', p_insert => '{list_id,blueprint_id,name,status,is_auto_run,batch_size}', p_update => '{blueprint_id,name,status,is_auto_run,batch_size}');
select ddl.notify_progress('lists.enrichment_plans', 'update');
