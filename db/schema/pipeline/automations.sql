-- A rule that acts by itself: does verbs of the domain, runs a blueprint, or both. It acts under an actor of its own.
create table if not exists pipeline.automations (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint automations_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint automations_description_check check (length(description) <= 5000),
  trigger_type pipeline.automation_trigger not null,
  trigger_config jsonb not null default '{}' constraint automations_trigger_config_check check (jsonb_typeof(trigger_config) = 'object'),
  webhook_source_id uuid,
  conditions jsonb not null default '[]' constraint automations_conditions_check check (jsonb_typeof(conditions) in ('array', 'object')),
  actions jsonb not null default '[]' constraint automations_actions_check check (jsonb_typeof(actions) = 'array'),
  blueprint_id uuid,
  role iam.membership_role not null default 'member' constraint automations_role_check check (role <> 'owner'),
  scopes text[] not null default '{}',
  authorized_by uuid,
  is_enabled boolean not null default true,
  fires_per_row boolean not null default false,
  can_trigger_itself boolean not null default false,
  depth_limit smallint not null default 5 constraint automations_depth_limit_check check (depth_limit between 1 and 20),
  rate_limit integer not null default 60 constraint automations_rate_limit_check check (rate_limit between 1 and 6000),
  failure_limit integer not null default 10 constraint automations_failure_limit_check check (failure_limit between 1 and 1000),
  missed_times pipeline.automation_missed_times not null default 'once',
  next_run_at timestamptz,
  armed_at timestamptz not null default now(),
  disabled_reason pipeline.automation_end,
  disabled_at timestamptz,
  failure_count integer not null default 0 constraint automations_failure_count_check check (failure_count >= 0),
  actor_id uuid not null,
  trigger_count bigint not null default 0 constraint automations_trigger_count_check check (trigger_count >= 0),
  last_triggered_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint automations_pkey primary key (tenant_id, id),
  constraint automations_webhook_source_id_check check ((trigger_type = 'webhook') = (webhook_source_id is not null)),
  constraint automations_disabled_at_check check ((disabled_reason is null) = (disabled_at is null) and (disabled_reason is null or not is_enabled)),
  constraint automations_trigger_type_check check (case trigger_type
    when 'schedule' then jsonb_typeof(trigger_config -> 'schedule') is not distinct from 'string'
    when 'event' then jsonb_typeof(trigger_config -> 'event') is not distinct from 'string' else true end)
);
comment on table pipeline.automations is E'@typeid auto\nA rule that acts when something happens or a time has come: it does what its actions say, and runs a blueprint if it names one.';
comment on column pipeline.automations.trigger_config is
  'Details of the trigger, a JSON object: {"schedule": "0 9 * * 1-5", "timezone": "America/New_York"} for a schedule, {"event": "contact.*"} for events of the feed; {"event": "payment.*"} narrows webhooks to such types.';
comment on column pipeline.automations.webhook_source_id is 'The source whose calls set it going, when a webhook does.';
comment on column pipeline.automations.conditions is
  'What must hold as well: a list of rules that must all hold, or one of {"all": […]}, {"any": […]}, {"not": …}, {"field": "subject.status", "operator": "equals", "value": "ACTIVE"}.';
comment on column pipeline.automations.actions is
  'What it does, in order, all of it or nothing: a list of {"verb": "addContactTag", "arguments": {"contactId": {"ref": "subject.id"}, "tag": "new"}}.';
comment on column pipeline.automations.blueprint_id is 'The blueprint that it runs after its actions, on what set it going.';
comment on column pipeline.automations.role is 'What it may do: the role that its actions have, never more than whoever wrote it last.';
comment on column pipeline.automations.scopes is 'To what the API key was limited that wrote it last, and so it is; empty for everything that its role may do.';
comment on column pipeline.automations.authorized_by is 'Actor who wrote it last: it acts by their leave, and not beyond the role they have now.';
comment on column pipeline.automations.is_enabled is 'Whether it fires.';
comment on column pipeline.automations.fires_per_row is 'Whether an event about several rows sets it going once for each, up to a thousand; else once, with their keys.';
comment on column pipeline.automations.can_trigger_itself is 'Whether events that its own actions cause set it going again.';
comment on column pipeline.automations.depth_limit is 'How many automations may stand behind an event for it still to fire: what keeps automations from setting each other going for ever.';
comment on column pipeline.automations.rate_limit is 'How often a minute it may fire; what goes beyond is refused.';
comment on column pipeline.automations.failure_limit is 'After how many failed runs in a row it is switched off.';
comment on column pipeline.automations.missed_times is 'What becomes of times of its schedule at which no worker ran.';
comment on column pipeline.automations.next_run_at is 'When its schedule is due next; filled in within a minute.';
comment on column pipeline.automations.armed_at is 'Since when it fires as it does now: what happened before does not set it going.';
comment on column pipeline.automations.disabled_reason is 'Why it was switched off, when it was not by hand.';
comment on column pipeline.automations.failure_count is 'How many of its last runs failed in a row.';
comment on column pipeline.automations.actor_id is 'Under which it acts; made with the automation.';
comment on column pipeline.automations.trigger_count is 'How often it fired.';
create unique index if not exists automations_name_key on pipeline.automations (tenant_id, name) where deleted_at is null;
create index if not exists automations_trigger_type_idx on pipeline.automations (tenant_id, trigger_type, id);
-- The worker asks every minute which are due, of all tenants: it reads the whole of this small index.
create index if not exists automations_next_run_at_idx on pipeline.automations (tenant_id, next_run_at) where trigger_type = 'schedule' and is_enabled and deleted_at is null;
select ddl.foreign_key('pipeline.automations', 'blueprint_id', 'pipeline.blueprints', 'cascade');
select ddl.foreign_key('pipeline.automations', 'webhook_source_id', 'pipeline.webhook_sources', 'no action');
select ddl.foreign_key('pipeline.automations', 'actor_id', 'iam.actors', 'no action');
select ddl.foreign_key('pipeline.automations', 'authorized_by', 'iam.actors', 'set null');
select ddl.foreign_key('pipeline.automations', 'created_by', 'iam.actors', 'set null');
comment on constraint automations_authorized_by_fkey on pipeline.automations is E'@foreignFieldName authorizedAutomations';
select ddl.tenant_table('pipeline.automations',
  p_insert => '{name,description,trigger_type,trigger_config,webhook_source_id,conditions,actions,blueprint_id,role,is_enabled,fires_per_row,can_trigger_itself,depth_limit,rate_limit,failure_limit,missed_times}',
  p_update => '{name,description,trigger_type,trigger_config,webhook_source_id,conditions,actions,blueprint_id,role,is_enabled,fires_per_row,can_trigger_itself,depth_limit,rate_limit,failure_limit,missed_times}',
  p_write_role => 'rowhouse_manager');
select ddl.trigger('pipeline.automations', '_300_actor', $$before insert for each row execute function iam.make_actor('automation')$$);
select ddl.trigger('pipeline.automations', '_300_actor_label', 'before update of name for each row execute function iam.rename_actor()');
select ddl.masked('pipeline.automations', '{"trigger_config": "json", "conditions": "json", "actions": "json"}');
