-- A rule that runs a blueprint by itself. It acts under an actor of its own.
create table if not exists pipeline.automations (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  blueprint_id uuid not null,
  name text not null constraint automations_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint automations_description_check check (length(description) <= 5000),
  trigger_type pipeline.automation_trigger not null,
  trigger_config jsonb not null default '{}' constraint automations_trigger_config_check check (jsonb_typeof(trigger_config) = 'object'),
  webhook_source_id uuid,
  conditions jsonb not null default '[]' constraint automations_conditions_check check (jsonb_typeof(conditions) = 'array'),
  is_enabled boolean not null default true,
  actor_id uuid not null,
  trigger_count bigint not null default 0 constraint automations_trigger_count_check check (trigger_count >= 0),
  last_triggered_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint automations_pkey primary key (tenant_id, id),
  constraint automations_webhook_source_id_check check ((trigger_type = 'webhook') = (webhook_source_id is not null)),
  constraint automations_trigger_type_check check (case trigger_type
    when 'schedule' then jsonb_typeof(trigger_config -> 'schedule') is not distinct from 'string'
    when 'event' then jsonb_typeof(trigger_config -> 'event') is not distinct from 'string' else true end)
);
comment on table pipeline.automations is E'@typeid auto\nA rule that runs a blueprint when something happens or a time has come.';
comment on column pipeline.automations.trigger_config is
  'Details of the trigger, a JSON object: {"schedule": "0 9 * * *", "timezone": "America/New_York"} for a schedule, {"event": "contact.created"} for an event.';
comment on column pipeline.automations.webhook_source_id is 'The source whose calls set it going, when a webhook does.';
comment on column pipeline.automations.conditions is 'What must hold as well: an array of conditions, all of which count.';
comment on column pipeline.automations.is_enabled is 'Whether it fires.';
comment on column pipeline.automations.actor_id is 'Under which it acts; made with the automation.';
comment on column pipeline.automations.trigger_count is 'How often it fired.';
create unique index if not exists automations_name_key on pipeline.automations (tenant_id, name) where deleted_at is null;
create index if not exists automations_trigger_type_idx on pipeline.automations (tenant_id, trigger_type, id);
select ddl.foreign_key('pipeline.automations', 'blueprint_id', 'pipeline.blueprints', 'cascade');
select ddl.foreign_key('pipeline.automations', 'webhook_source_id', 'pipeline.webhook_sources', 'no action');
select ddl.foreign_key('pipeline.automations', 'actor_id', 'iam.actors', 'no action');
select ddl.foreign_key('pipeline.automations', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.automations',
  p_insert => '{blueprint_id,name,description,trigger_type,trigger_config,webhook_source_id,conditions,is_enabled}',
  p_update => '{blueprint_id,name,description,trigger_type,trigger_config,webhook_source_id,conditions,is_enabled}',
  p_write_role => 'rowhouse_manager');
select ddl.trigger('pipeline.automations', '_300_actor', $$before insert for each row execute function iam.make_actor('automation')$$);
select ddl.trigger('pipeline.automations', '_300_actor_label', 'before update of name for each row execute function iam.rename_actor()');
