-- How soon conversations are to be answered and closed.
create table if not exists inbox.inbox_sla_policies (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint inbox_sla_policies_name_check check (length(btrim(name)) between 1 and 200),
  priority inbox.thread_priority not null default 'normal',
  first_response_minutes integer not null constraint inbox_sla_policies_first_response_minutes_check check (first_response_minutes between 1 and 525600),
  resolution_minutes integer not null constraint inbox_sla_policies_resolution_minutes_check check (resolution_minutes between 1 and 525600),
  business_hours jsonb not null default '{}' constraint inbox_sla_policies_business_hours_check check (jsonb_typeof(business_hours) = 'object'),
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint inbox_sla_policies_pkey primary key (tenant_id, id),
  constraint inbox_sla_policies_minutes_check check (resolution_minutes >= first_response_minutes)
);
comment on table inbox.inbox_sla_policies is E'@typeid sla\nHow soon conversations of a priority are to be answered and closed.';
comment on column inbox.inbox_sla_policies.first_response_minutes is 'Minutes until the first answer.';
comment on column inbox.inbox_sla_policies.resolution_minutes is 'Minutes until the conversation is closed.';
comment on column inbox.inbox_sla_policies.business_hours is 'When the clock runs: weekday to [from, to], such as {"mon": ["09:00", "17:00"]}; empty means always.';
comment on column inbox.inbox_sla_policies.is_active is 'Whether new conversations follow it.';
create unique index if not exists inbox_sla_policies_name_key on inbox.inbox_sla_policies (tenant_id, name) where deleted_at is null;
create unique index if not exists inbox_sla_policies_priority_key on inbox.inbox_sla_policies (tenant_id, priority) where is_active and deleted_at is null;
select ddl.tenant_table('inbox.inbox_sla_policies', p_insert => '{name,priority,first_response_minutes,resolution_minutes,business_hours,is_active}',
  p_update => '{name,priority,first_response_minutes,resolution_minutes,business_hours,is_active}', p_write_role => 'rowhouse_manager');
