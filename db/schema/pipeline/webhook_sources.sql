-- Where webhooks come from: each source has an address of its own, which tells the tenant before anybody is signed in.
create table if not exists pipeline.webhook_sources (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint webhook_sources_name_check check (length(btrim(name)) between 1 and 200),
  provider text not null constraint webhook_sources_provider_check check (provider ~ '^[a-z][a-z0-9_-]{0,62}$'),
  signature_scheme pipeline.signature_scheme not null default 'none',
  signature_header text constraint webhook_sources_signature_header_check check (signature_header ~ '^[a-z0-9-]{1,100}$'),
  signature_encoding pipeline.signature_encoding not null default 'hex',
  tolerance_seconds integer not null default 300 constraint webhook_sources_tolerance_seconds_check check (tolerance_seconds between 10 and 86400),
  event_id_from text constraint webhook_sources_event_id_from_check check (event_id_from ~ '^(header:[a-z0-9-]{1,100}|body:[A-Za-z0-9_.-]{1,200})$'),
  event_type_from text constraint webhook_sources_event_type_from_check check (event_type_from ~ '^(header:[a-z0-9-]{1,100}|body:[A-Za-z0-9_.-]{1,200})$'),
  path_token text not null default encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'hex')
    constraint webhook_sources_path_token_check check (path_token ~ '^[0-9a-f]{64}$'),
  is_active boolean not null default true,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint webhook_sources_pkey primary key (tenant_id, id)
);
comment on table pipeline.webhook_sources is E'@typeid whs\nA service that sends webhooks to this tenant.';
comment on column pipeline.webhook_sources.provider is 'The service, lower case: signalhouse, twilio, stripe, …';
comment on column pipeline.webhook_sources.signature_header is 'Lower-case name of the header with the signature, for HMAC_SHA256 and HMAC_SHA1; x-signature when empty.';
comment on column pipeline.webhook_sources.signature_encoding is 'How that header writes the signature; a prefix such as sha256= is understood.';
comment on column pipeline.webhook_sources.tolerance_seconds is 'How far the time stamp of a call may be from now, where the scheme has one.';
comment on column pipeline.webhook_sources.event_id_from is
  'Where the service''s own number of an event stands: header:x-event-id, or body:data.id for a field of the body. Empty: where the scheme has it.';
comment on column pipeline.webhook_sources.event_type_from is 'Where it says what happened, written likewise. Empty: where the scheme has it, else type or event of the body.';
comment on column pipeline.webhook_sources.path_token is E'@behavior -*\nThe unguessable part of the address that the service calls.';
comment on column pipeline.webhook_sources.is_active is 'Whether calls are taken.';
create unique index if not exists webhook_sources_name_key on pipeline.webhook_sources (tenant_id, name) where deleted_at is null;
-- Calls are routed by the token alone, before the tenant is known; a token of a deleted source is not given again.
create unique index if not exists webhook_sources_path_token_key on pipeline.webhook_sources (path_token) where deleted_at is null;
select ddl.foreign_key('pipeline.webhook_sources', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.webhook_sources', p_update => '{name,provider,signature_scheme,is_active,signature_header,signature_encoding,tolerance_seconds,event_id_from,event_type_from}', p_write_role => 'rowhouse_admin', p_select_role => 'rowhouse_manager');
-- Whoever calls is in no tenant yet.
grant select on pipeline.webhook_sources to rowhouse_definer;
