-- Steps that a contact goes through, one after the other, until they answer.
create table if not exists outreach.sequences (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint sequences_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint sequences_description_check check (length(description) <= 5000),
  channel crm.channel,
  status outreach.sequence_status not null default 'draft',
  settings jsonb not null default '{}' constraint sequences_settings_check check (jsonb_typeof(settings) = 'object'),
  enrollment_count bigint not null default 0 constraint sequences_enrollment_count_check check (enrollment_count >= 0),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint sequences_pkey primary key (tenant_id, id)
);
comment on table outreach.sequences is E'@typeid seq\nSteps that a contact goes through, one after the other.';
comment on column outreach.sequences.channel is 'Its main channel; none when it uses several alike.';
comment on column outreach.sequences.settings is 'Quiet hours, stop rules and the like, a JSON object.';
comment on column outreach.sequences.enrollment_count is 'How many contacts were ever enrolled.';
comment on column outreach.sequences.created_by is 'Actor who made it.';
create unique index if not exists sequences_name_key on outreach.sequences (tenant_id, name) where deleted_at is null;
create index if not exists sequences_status_idx on outreach.sequences (tenant_id, status, id);
create index if not exists sequences_created_at_idx on outreach.sequences (tenant_id, created_at);
select ddl.foreign_key('outreach.sequences', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.sequences', p_insert => '{name,description,channel,settings}', p_update => '{name,description,channel,status,settings}');
select ddl.state_machine('outreach.sequences', 'status',
  '{"draft": ["active", "archived"], "active": ["paused", "archived"], "paused": ["active", "archived"], "archived": ["paused"]}', '{draft}');
