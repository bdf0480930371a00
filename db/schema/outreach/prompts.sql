-- What a language model is told to do.
create table if not exists outreach.prompts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint prompts_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint prompts_description_check check (length(description) <= 5000),
  purpose outreach.prompt_purpose not null default 'write_message',
  channel crm.channel,
  model text constraint prompts_model_check check (length(model) between 1 and 200),
  system_text text constraint prompts_system_text_check check (length(system_text) <= 100000),
  user_text text not null constraint prompts_user_text_check check (length(btrim(user_text)) between 1 and 100000),
  parameters jsonb not null default '{}' constraint prompts_parameters_check check (jsonb_typeof(parameters) = 'object'),
  is_active boolean not null default true,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint prompts_pkey primary key (tenant_id, id)
);
comment on table outreach.prompts is E'@typeid prompt\nWhat a language model is told, to write a message or to find something out.';
comment on column outreach.prompts.purpose is 'What it is for.';
comment on column outreach.prompts.channel is 'The channel whose messages it writes; any when empty.';
comment on column outreach.prompts.model is 'The model to ask; that of the provider''s settings when empty.';
comment on column outreach.prompts.system_text is 'What the model is told of its part.';
comment on column outreach.prompts.user_text is 'What the model is asked, with placeholders such as {{firstName}}.';
comment on column outreach.prompts.parameters is 'Settings for the model, a JSON object such as {"temperature": 0.2}.';
comment on column outreach.prompts.is_active is 'Whether it is offered for use.';
comment on column outreach.prompts.created_by is 'Actor who wrote it.';
create unique index if not exists prompts_name_key on outreach.prompts (tenant_id, name) where deleted_at is null;
create index if not exists prompts_purpose_idx on outreach.prompts (tenant_id, purpose, id);
create index if not exists prompts_created_at_idx on outreach.prompts (tenant_id, created_at);
select ddl.foreign_key('outreach.prompts', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.prompts', p_insert => '{name,description,purpose,channel,model,system_text,user_text,parameters,is_active}',
  p_update => '{name,description,purpose,channel,model,system_text,user_text,parameters,is_active}');
