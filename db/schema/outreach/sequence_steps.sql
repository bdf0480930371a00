-- The steps of a sequence, in order.
create table if not exists outreach.sequence_steps (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_id uuid not null,
  step_number integer not null constraint sequence_steps_step_number_check check (step_number between 1 and 10000),
  type outreach.step_type not null,
  name text constraint sequence_steps_name_check check (length(name) <= 200),
  template_id uuid,
  prompt_id uuid,
  delay_days integer not null default 0 constraint sequence_steps_delay_days_check check (delay_days between 0 and 3650),
  delay_minutes integer not null default 0 constraint sequence_steps_delay_minutes_check check (delay_minutes between 0 and 1440),
  settings jsonb not null default '{}' constraint sequence_steps_settings_check check (jsonb_typeof(settings) = 'object'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint sequence_steps_pkey primary key (tenant_id, id),
  constraint sequence_steps_type_check check (type <> 'wait' or (template_id is null and prompt_id is null)),
  constraint sequence_steps_prompt_id_check check (template_id is null or prompt_id is null)
);
comment on table outreach.sequence_steps is E'@typeid step\nA step of a sequence.';
comment on column outreach.sequence_steps.step_number is 'Place in the sequence, from 1; unique among its living steps.';
comment on column outreach.sequence_steps.prompt_id is 'The prompt by which the message is written, instead of a template.';
comment on column outreach.sequence_steps.delay_days is 'Days to wait after the step before.';
comment on column outreach.sequence_steps.delay_minutes is 'Minutes to wait beyond the days.';
comment on column outreach.sequence_steps.settings is 'Details of the step, a JSON object.';
create unique index if not exists sequence_steps_step_number_key on outreach.sequence_steps (tenant_id, sequence_id, step_number) where deleted_at is null;
create index if not exists sequence_steps_sequence_id_idx on outreach.sequence_steps (tenant_id, sequence_id, id);
select ddl.foreign_key('outreach.sequence_steps', 'sequence_id', 'outreach.sequences', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_steps', 'template_id', 'outreach.templates', 'restrict');
select ddl.foreign_key('outreach.sequence_steps', 'prompt_id', 'outreach.prompts', 'restrict');
comment on constraint sequence_steps_sequence_id_fkey on outreach.sequence_steps is E'@nestedCreate\n@foreignFieldName steps';
select ddl.tenant_table('outreach.sequence_steps', p_insert => '{sequence_id,step_number,type,name,template_id,prompt_id,delay_days,delay_minutes,settings}',
  p_update => '{type,name,template_id,prompt_id,delay_days,delay_minutes,settings}');
