-- What happened, for counting. The month is in the id (a version 7 uuid), so the key stays (tenant_id, id) although the
-- table is cut into months. Its references have no foreign keys: what happened stays true when its subject is gone.
create table if not exists tracking.analytics_events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  event_type text not null constraint analytics_events_event_type_check check (event_type ~ '^[a-z][a-z0-9_.]{0,99}$'),
  entity_type text not null constraint analytics_events_entity_type_check check (entity_type ~ '^[a-z][a-z0-9_]{0,99}$'),
  entity_id uuid not null,
  channel crm.channel,
  contact_id uuid,
  user_id uuid,
  source_type text constraint analytics_events_source_type_check check (source_type ~ '^[a-z][a-z0-9_]{0,99}$'),
  source_id uuid,
  campaign_id uuid,
  workflow_id uuid,
  sequence_id uuid,
  template_id uuid,
  metadata jsonb not null default '{}' constraint analytics_events_metadata_check check (jsonb_typeof(metadata) = 'object'),
  occurred_at timestamptz not null default now(),
  ingested_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default now(),
  constraint analytics_events_pkey primary key (tenant_id, id)
) partition by range (id);
comment on table tracking.analytics_events is E'@typeid aev\nSomething that happened, for counting: kept for two years.';
comment on column tracking.analytics_events.event_type is 'What happened, such as message.opened.';
comment on column tracking.analytics_events.entity_type is 'To what kind of thing, such as message.';
comment on column tracking.analytics_events.entity_id is 'To which one.';
comment on column tracking.analytics_events.contact_id is E'@typeid contact\nWith which contact.';
comment on column tracking.analytics_events.user_id is E'@typeid user\nBy which user.';
comment on column tracking.analytics_events.source_type is 'What kind of thing caused it, such as campaign.';
comment on column tracking.analytics_events.source_id is 'Which one caused it.';
comment on column tracking.analytics_events.campaign_id is E'@typeid camp\nIn which campaign.';
comment on column tracking.analytics_events.workflow_id is E'@typeid wf\nIn which workflow.';
comment on column tracking.analytics_events.sequence_id is E'@typeid seq\nIn which sequence.';
comment on column tracking.analytics_events.template_id is E'@typeid tpl\nFrom which template.';
comment on column tracking.analytics_events.metadata is 'Details, a JSON object.';
create index if not exists analytics_events_event_type_idx on tracking.analytics_events (tenant_id, event_type, occurred_at);
create index if not exists analytics_events_occurred_at_idx on tracking.analytics_events (tenant_id, occurred_at);
create index if not exists analytics_events_entity_id_idx on tracking.analytics_events (tenant_id, entity_id, occurred_at);
create index if not exists analytics_events_campaign_id_idx on tracking.analytics_events (tenant_id, campaign_id, event_type) where campaign_id is not null;
create index if not exists analytics_events_contact_id_idx on tracking.analytics_events (tenant_id, contact_id, occurred_at) where contact_id is not null;
select ddl.append_only('tracking.analytics_events');
select ddl.partition_by_month('tracking.analytics_events', interval '2 years');
select ddl.masked('tracking.analytics_events', '{"metadata": "json"}');
