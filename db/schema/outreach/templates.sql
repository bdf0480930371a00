-- A template has a name and a channel; what it says stands in its versions.
create table if not exists outreach.templates (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  category_id uuid,
  current_version_id uuid,
  name text not null constraint templates_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint templates_description_check check (length(description) <= 5000),
  channel crm.channel not null,
  status outreach.template_status not null generated always as (
    case when archived_at is not null then 'archived' when current_version_id is not null then 'active' else 'draft' end) stored,
  created_by uuid default app.actor_id(),
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint templates_pkey primary key (tenant_id, id)
);
comment on table outreach.templates is E'@typeid tpl\nA message that is written once and sent many times. What it says stands in its versions.';
comment on column outreach.templates.category_id is 'The drawer it lies in.';
comment on column outreach.templates.current_version_id is 'The version that is sent: the last one published.';
comment on column outreach.templates.channel is 'What it can be sent by; a template keeps its channel.';
comment on column outreach.templates.created_by is 'Actor who made the template.';
create unique index if not exists templates_name_key on outreach.templates (tenant_id, channel, name) where deleted_at is null;
create index if not exists templates_category_id_idx on outreach.templates (tenant_id, category_id, name);
create index if not exists templates_status_idx on outreach.templates (tenant_id, status, id);
create index if not exists templates_channel_idx on outreach.templates (tenant_id, channel, id);
create index if not exists templates_created_at_idx on outreach.templates (tenant_id, created_at);
select ddl.foreign_key('outreach.templates', 'category_id', 'outreach.template_categories', 'restrict', p_index => false);
select ddl.foreign_key('outreach.templates', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.templates', p_insert => '{category_id,name,description,channel}', p_update => '{category_id,name,description}');
comment on constraint templates_category_id_fkey on outreach.templates is E'@fieldName category\n@foreignFieldName templates';
