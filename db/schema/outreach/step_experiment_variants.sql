-- One of the ways that an experiment compares.
create table if not exists outreach.step_experiment_variants (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  step_experiment_id uuid not null,
  name text not null constraint step_experiment_variants_name_check check (length(btrim(name)) between 1 and 100),
  template_id uuid,
  prompt_id uuid,
  weight integer not null default 1 constraint step_experiment_variants_weight_check check (weight between 0 and 10000),
  is_winner boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint step_experiment_variants_pkey primary key (tenant_id, id),
  constraint step_experiment_variants_prompt_id_check check (template_id is null or prompt_id is null)
);
comment on table outreach.step_experiment_variants is E'@typeid expv\nOne of the ways that an experiment compares.';
comment on column outreach.step_experiment_variants.prompt_id is 'The prompt by which the message is written, instead of a template.';
comment on column outreach.step_experiment_variants.weight is 'How often it is given, relative to the others.';
comment on column outreach.step_experiment_variants.is_winner is 'Whether it has won; one variant of an experiment has at most. Said by chooseExperimentWinner.';
create unique index if not exists step_experiment_variants_name_key
  on outreach.step_experiment_variants (tenant_id, step_experiment_id, name) where deleted_at is null;
create unique index if not exists step_experiment_variants_is_winner_key
  on outreach.step_experiment_variants (tenant_id, step_experiment_id) where is_winner and deleted_at is null;
create index if not exists step_experiment_variants_step_experiment_id_idx on outreach.step_experiment_variants (tenant_id, step_experiment_id, id);
select ddl.foreign_key('outreach.step_experiment_variants', 'step_experiment_id', 'outreach.step_experiments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.step_experiment_variants', 'template_id', 'outreach.templates', 'restrict');
select ddl.foreign_key('outreach.step_experiment_variants', 'prompt_id', 'outreach.prompts', 'restrict');
comment on constraint step_experiment_variants_step_experiment_id_fkey on outreach.step_experiment_variants is E'@nestedCreate\n@foreignFieldName variants\n@fieldName experiment';
select ddl.tenant_table('outreach.step_experiment_variants', p_insert => '{step_experiment_id,name,template_id,prompt_id,weight}',
  p_update => '{name,template_id,prompt_id,weight}');
