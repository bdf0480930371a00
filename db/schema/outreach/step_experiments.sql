-- Which of several ways to write a step works best.
create table if not exists outreach.step_experiments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_step_id uuid not null,
  name text not null constraint step_experiments_name_check check (length(btrim(name)) between 1 and 200),
  status outreach.experiment_status not null default 'draft',
  hypothesis text constraint step_experiments_hypothesis_check check (length(hypothesis) <= 5000),
  started_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint step_experiments_pkey primary key (tenant_id, id)
);
comment on table outreach.step_experiments is E'@typeid exp\nA comparison of several ways to write a step. A step has one under way at most.';
comment on column outreach.step_experiments.hypothesis is 'What is expected.';
create unique index if not exists step_experiments_sequence_step_id_key
  on outreach.step_experiments (tenant_id, sequence_step_id) where status = 'running' and deleted_at is null;
create index if not exists step_experiments_sequence_step_id_idx on outreach.step_experiments (tenant_id, sequence_step_id, id);
select ddl.foreign_key('outreach.step_experiments', 'sequence_step_id', 'outreach.sequence_steps', 'cascade', p_index => false);
comment on constraint step_experiments_sequence_step_id_fkey on outreach.step_experiments is E'@foreignFieldName experiments\n@fieldName step';
select ddl.tenant_table('outreach.step_experiments', p_insert => '{sequence_step_id,name,hypothesis}', p_update => '{name,hypothesis,status}');
select ddl.state_machine('outreach.step_experiments', 'status',
  '{"draft": ["running"], "running": ["stopped", "decided"], "stopped": ["running", "decided"], "decided": []}', '{draft}');

create or replace function outreach.stamp_experiment() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.started_at := case when new.status = 'running' then coalesce(old.started_at, now()) else old.started_at end;
  new.ended_at := case when new.status in ('stopped', 'decided') then now() end;
  return new;
end
$$;
comment on function outreach.stamp_experiment() is 'Keeps the times that follow from the status of an experiment.';
select ddl.trigger('outreach.step_experiments', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_experiment()');
