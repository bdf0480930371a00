-- What services called us with, as it came: kept for proof and for replay, never changed. It is stored before anything is made of it;
-- then its verdict fills in what it says, once. Of calls that are refused a source keeps the latest only, and cuts them short.
create table if not exists pipeline.webhook_events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_source_id uuid not null,
  event_type text not null default 'unknown' constraint webhook_events_event_type_check check (length(event_type) between 1 and 200),
  provider_event_id text constraint webhook_events_provider_event_id_check check (length(provider_event_id) between 1 and 500),
  correlation_id uuid not null default uuidv7(),
  payload jsonb constraint webhook_events_payload_check check (jsonb_typeof(payload) in ('object', 'array')),
  raw_body bytea,
  body_byte_count bigint not null default 0 constraint webhook_events_body_byte_count_check check (body_byte_count >= 0),
  headers jsonb not null default '{}' constraint webhook_events_headers_check check (jsonb_typeof(headers) = 'object'),
  repeated_headers text[],
  called_urls text[],
  signature text constraint webhook_events_signature_check check (length(signature) <= 2000),
  signed_digest text constraint webhook_events_signed_digest_check check (signed_digest ~ '^[0-9a-f]{64}$'),
  verdict pipeline.webhook_verdict not null default 'received',
  is_signature_valid boolean generated always as (case verdict when 'valid' then true when 'received' then null when 'unsigned' then null
    when 'duplicate' then null else false end) stored,
  received_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint webhook_events_pkey primary key (tenant_id, id)
);
comment on table pipeline.webhook_events is E'@typeid wh\nA call that a service made to this tenant, as it came. What became of it stands in its outcomes.';
comment on column pipeline.webhook_events.event_type is 'What the service says happened: sms.inbound, payment.completed, …';
comment on column pipeline.webhook_events.provider_event_id is 'The service''s own number of the event; the same one twice is taken once.';
comment on column pipeline.webhook_events.correlation_id is 'Ties together everything that this call caused.';
comment on column pipeline.webhook_events.payload is 'The body, read as JSON; a form becomes an object of its fields. Nothing when it is neither.';
comment on column pipeline.webhook_events.raw_body is 'The body, byte for byte, over which the signature was made; of a refused call no more than its first 16 KiB.';
comment on column pipeline.webhook_events.body_byte_count is 'How long the body was when it came.';
comment on column pipeline.webhook_events.signed_digest is E'@behavior -*\nSHA-256 of what was signed: the same once more is a replay.';
comment on column pipeline.webhook_events.headers is 'Headers of the call by lower-case name, without cookies and authorization.';
comment on column pipeline.webhook_events.repeated_headers is E'@behavior -*\nNames of headers that came more than once; until the verdict, which needs them.';
comment on column pipeline.webhook_events.called_urls is E'@behavior -*\nThe addresses that may have been called, without their unguessable part; until the verdict, which needs them.';
comment on column pipeline.webhook_events.signature is 'The signature that came with it.';
comment on column pipeline.webhook_events.is_signature_valid is 'Whether the signature was right; null when the source does not sign, and for duplicates.';
create unique index if not exists webhook_events_provider_event_id_key
  on pipeline.webhook_events (tenant_id, webhook_source_id, provider_event_id)
  where provider_event_id is not null and verdict in ('received', 'valid', 'unsigned');
create unique index if not exists webhook_events_signed_digest_key
  on pipeline.webhook_events (tenant_id, webhook_source_id, signed_digest) where signed_digest is not null and verdict = 'valid';
create index if not exists webhook_events_refused_idx
  on pipeline.webhook_events (tenant_id, webhook_source_id, id) where verdict not in ('received', 'valid', 'unsigned');
create index if not exists webhook_events_received_idx on pipeline.webhook_events (tenant_id, received_at) where verdict = 'received';
create index if not exists webhook_events_verdict_idx on pipeline.webhook_events (tenant_id, verdict, id);
create index if not exists webhook_events_webhook_source_id_idx on pipeline.webhook_events (tenant_id, webhook_source_id, received_at);
create index if not exists webhook_events_event_type_idx on pipeline.webhook_events (tenant_id, event_type, id);
create index if not exists webhook_events_correlation_id_idx on pipeline.webhook_events (tenant_id, correlation_id);
select ddl.foreign_key('pipeline.webhook_events', 'webhook_source_id', 'pipeline.webhook_sources', 'no action', p_index => false);
comment on constraint webhook_events_webhook_source_id_fkey on pipeline.webhook_events is E'@fieldName source\n@foreignFieldName events';
select ddl.append_only('pipeline.webhook_events', p_select_role => 'rowhouse_manager');
select ddl.enqueue('pipeline.webhook_events', 'process_webhook_event', 'update', $$o.verdict = 'received' and r.verdict in ('valid', 'unsigned')$$);
