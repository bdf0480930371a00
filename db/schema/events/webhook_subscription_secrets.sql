-- Signing secrets stand apart from their subscriptions, where no grant of the API reaches.
create table if not exists private.webhook_subscription_secrets (
  tenant_id uuid not null,
  webhook_subscription_id uuid not null,
  sealed_secret bytea not null,
  previous_sealed_secret bytea,
  previous_expires_at timestamptz,
  rotated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_subscription_secrets_pkey primary key (tenant_id, webhook_subscription_id)
);
comment on table private.webhook_subscription_secrets is 'Secrets that sign outgoing webhooks, sealed with the server''s key. After a rotation the previous one signs too, until it expires.';
select ddl.foreign_key('private.webhook_subscription_secrets', 'webhook_subscription_id', 'events.webhook_subscriptions', 'cascade', p_index => false);
select ddl.private_table('private.webhook_subscription_secrets');
select ddl.trigger('private.webhook_subscription_secrets', '_100_stamp', 'before update for each row execute function app.stamp()');
grant select on private.webhook_subscription_secrets to rowhouse_definer;
