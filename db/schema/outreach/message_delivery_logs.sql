-- What happened to a message, as it was learnt: never changed.
create table if not exists outreach.message_delivery_logs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  message_id uuid not null,
  event outreach.delivery_event not null,
  provider_event_id text constraint message_delivery_logs_provider_event_id_check check (length(provider_event_id) between 1 and 500),
  error_code text constraint message_delivery_logs_error_code_check check (length(error_code) <= 200),
  error_message text constraint message_delivery_logs_error_message_check check (length(error_message) <= 5000),
  metadata jsonb not null default '{}' constraint message_delivery_logs_metadata_check check (jsonb_typeof(metadata) = 'object'),
  occurred_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint message_delivery_logs_pkey primary key (tenant_id, id)
);
comment on table outreach.message_delivery_logs is E'@typeid dlog\nSomething that happened to a message, as the provider or a worker told it.';
comment on column outreach.message_delivery_logs.event is 'What happened.';
comment on column outreach.message_delivery_logs.provider_event_id is 'The provider''s own number of the event; the same one twice is taken once.';
comment on column outreach.message_delivery_logs.error_code is 'What the provider calls the error.';
comment on column outreach.message_delivery_logs.metadata is 'What else was told, a JSON object.';
create unique index if not exists message_delivery_logs_provider_event_id_key
  on outreach.message_delivery_logs (tenant_id, message_id, provider_event_id) where provider_event_id is not null;
create index if not exists message_delivery_logs_message_id_idx on outreach.message_delivery_logs (tenant_id, message_id, occurred_at);
create index if not exists message_delivery_logs_event_idx on outreach.message_delivery_logs (tenant_id, event, occurred_at);
select ddl.foreign_key('outreach.message_delivery_logs', 'message_id', 'outreach.messages', 'cascade', p_index => false);
comment on constraint message_delivery_logs_message_id_fkey on outreach.message_delivery_logs is E'@foreignFieldName deliveryLogs';
select ddl.append_only('outreach.message_delivery_logs');
select ddl.masked('outreach.message_delivery_logs', '{"provider_event_id": "text", "error_message": "text", "metadata": "json"}');
