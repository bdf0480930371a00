-- The steps of a plan, in order.
create table if not exists lists.enrichment_plan_steps (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  enrichment_plan_id uuid not null,
  position integer not null constraint enrichment_plan_steps_position_check check (position between 1 and 100),
  block lists.enrichment_block not null,
  config jsonb not null default '{}' constraint enrichment_plan_steps_config_check check (jsonb_typeof(config) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint enrichment_plan_steps_pkey primary key (tenant_id, id)
);
comment on table lists.enrichment_plan_steps is E'@typeid step\nA step of an enrichment plan: one block with its settings.';
comment on column lists.enrichment_plan_steps.position is 'Place in the order, from 1.';
comment on column lists.enrichment_plan_steps.config is 'Settings of the block, a JSON object.';
create unique index if not exists enrichment_plan_steps_position_key
  on lists.enrichment_plan_steps (tenant_id, enrichment_plan_id, position) where deleted_at is null;
create unique index if not exists enrichment_plan_steps_block_key
  on lists.enrichment_plan_steps (tenant_id, enrichment_plan_id, block) where deleted_at is null;
create index if not exists enrichment_plan_steps_enrichment_plan_id_idx on lists.enrichment_plan_steps (tenant_id, enrichment_plan_id, id);
select ddl.foreign_key('lists.enrichment_plan_steps', 'enrichment_plan_id', 'lists.enrichment_plans', 'cascade', p_index => false);
comment on constraint enrichment_plan_steps_enrichment_plan_id_fkey on lists.enrichment_plan_steps is '@nestedCreate';
select ddl.tenant_table('lists.enrichment_plan_steps', p_insert => '{enrichment_plan_id,position,block,config}', p_update => '{position,config}');
