-- Signing secrets stand apart from their sources, where no grant of the API reaches.
create table if not exists private.webhook_source_secrets (
  tenant_id uuid not null,
  webhook_source_id uuid not null,
  sealed_secret bytea not null,
  previous_sealed_secret bytea,
  rotated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_source_secrets_pkey primary key (tenant_id, webhook_source_id)
);
comment on table private.webhook_source_secrets is 'Secrets that verify incoming webhooks, sealed with the server''s key. After a rotation the previous one still counts for a while.';
select ddl.foreign_key('private.webhook_source_secrets', 'webhook_source_id', 'pipeline.webhook_sources', 'cascade', p_index => false);
select ddl.private_table('private.webhook_source_secrets');
select ddl.trigger('private.webhook_source_secrets', '_100_stamp', 'before update for each row execute function app.stamp()');
