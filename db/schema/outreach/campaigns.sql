-- A campaign sends one template, or variants of it, to the contacts of its segments.
create table if not exists outreach.campaigns (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  template_id uuid,
  name text not null constraint campaigns_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint campaigns_description_check check (length(description) <= 5000),
  channel crm.channel not null,
  status outreach.campaign_status not null default 'draft',
  sender_address text constraint campaigns_sender_address_check check (length(sender_address) between 1 and 500),
  settings jsonb not null default '{}' constraint campaigns_settings_check check (jsonb_typeof(settings) = 'object'),
  created_by uuid default app.actor_id(),
  scheduled_at timestamptz,
  started_at timestamptz,
  paused_at timestamptz,
  completed_at timestamptz,
  cancelled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaigns_pkey primary key (tenant_id, id)
);
comment on table outreach.campaigns is E'@typeid camp\nOne message to many contacts: a template or variants of it, to the contacts of segments.';
comment on column outreach.campaigns.template_id is 'What is sent, when there are no variants.';
comment on column outreach.campaigns.channel is 'The way its messages go; a campaign keeps its channel.';
comment on column outreach.campaigns.sender_address is 'Address or number that its messages come from; the channel''s own when empty.';
comment on column outreach.campaigns.settings is 'Settings for sending, such as pace and hours, a JSON object.';
comment on column outreach.campaigns.created_by is 'Actor who made the campaign.';
comment on column outreach.campaigns.scheduled_at is 'When it starts by itself.';
create unique index if not exists campaigns_name_key on outreach.campaigns (tenant_id, name) where deleted_at is null;
create index if not exists campaigns_status_idx on outreach.campaigns (tenant_id, status, id);
create index if not exists campaigns_channel_idx on outreach.campaigns (tenant_id, channel, id);
create index if not exists campaigns_scheduled_at_idx on outreach.campaigns (tenant_id, scheduled_at);
create index if not exists campaigns_created_at_idx on outreach.campaigns (tenant_id, created_at);
select ddl.foreign_key('outreach.campaigns', 'template_id', 'outreach.templates', 'restrict');
select ddl.foreign_key('outreach.campaigns', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.campaigns', p_insert => '{template_id,name,description,channel,sender_address,settings,scheduled_at}',
  p_update => '{template_id,name,description,sender_address,settings,scheduled_at}');
select ddl.foreign_key('outreach.messages', 'campaign_id', 'outreach.campaigns', 'set null', p_index => false);
