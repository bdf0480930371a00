-- Signing secrets stand apart from their sources, where no grant of the API reaches.
create table if not exists private.webhook_source_secrets (
  tenant_id uuid not null,
  webhook_source_id uuid not null,
  sealed_secret bytea not null,
  previous_sealed_secret bytea,
  previous_expires_at timestamptz,
  rotated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_source_secrets_pkey primary key (tenant_id, webhook_source_id)
);
comment on table private.webhook_source_secrets is 'Secrets that verify incoming webhooks, sealed with the server''s key. After a rotation the previous one still counts until previous_expires_at.';
select ddl.foreign_key('private.webhook_source_secrets', 'webhook_source_id', 'pipeline.webhook_sources', 'cascade', p_index => false);
select ddl.private_table('private.webhook_source_secrets');
select ddl.trigger('private.webhook_source_secrets', '_100_stamp', 'before update for each row execute function app.stamp()');
grant select on private.webhook_source_secrets to rowhouse_definer;

create or replace function pipeline.webhook_sources_has_secret(source pipeline.webhook_sources) returns boolean
language sql stable security definer set search_path to pg_catalog as $$
  select exists (select from private.webhook_source_secrets s
    where app.require_scope('pipeline:read') and s.tenant_id = app.tenant_id() and s.tenant_id = source.tenant_id and s.webhook_source_id = source.id)
$$;
comment on function pipeline.webhook_sources_has_secret(pipeline.webhook_sources) is
  E'@notNull\n@behavior -aggregate -filterBy -orderBy\nWhether a secret is kept that its calls are verified with. It can be replaced, and never be read.';
grant execute on function pipeline.webhook_sources_has_secret(pipeline.webhook_sources) to rowhouse_manager, rowhouse_system;
