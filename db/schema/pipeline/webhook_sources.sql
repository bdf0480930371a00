-- Where webhooks come from: each source has an address of its own, which tells the tenant before anybody is signed in.
create table if not exists pipeline.webhook_sources (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint webhook_sources_name_check check (length(btrim(name)) between 1 and 200),
  provider text not null constraint webhook_sources_provider_check check (provider ~ '^[a-z][a-z0-9_-]{0,62}$'),
  signature_scheme pipeline.signature_scheme not null default 'none',
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
comment on column pipeline.webhook_sources.path_token is 'The unguessable part of the address that the service calls.';
comment on column pipeline.webhook_sources.is_active is 'Whether calls are taken.';
create unique index if not exists webhook_sources_name_key on pipeline.webhook_sources (tenant_id, name) where deleted_at is null;
-- Calls are routed by the token alone, before the tenant is known; a token of a deleted source is not given again.
create unique index if not exists webhook_sources_path_token_key on pipeline.webhook_sources (path_token) where deleted_at is null;
select ddl.foreign_key('pipeline.webhook_sources', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.webhook_sources', p_insert => '{name,provider,signature_scheme,is_active}',
  p_update => '{name,provider,signature_scheme,is_active}', p_write_role => 'rowhouse_admin', p_select_role => 'rowhouse_manager');
