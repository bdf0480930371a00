-- Who outside is told of events, and of which.
create table if not exists events.webhook_subscriptions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint webhook_subscriptions_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint webhook_subscriptions_description_check check (length(description) <= 5000),
  url text not null constraint webhook_subscriptions_url_check check (url ~ '^https?://[^\s/@]+(/\S*)?$' and length(url) <= 2000),
  types text[] not null default '{}' constraint webhook_subscriptions_types_check
    check (array_position(types, null) is null and array_to_string(types, '') ~ '^[a-z0-9_.*]*$'
      and array_to_string(types, ' ') ~ '^([a-z0-9_.]+(\.\*)?( [a-z0-9_.]+(\.\*)?)*)?$'),
  api_version text not null default '1' constraint webhook_subscriptions_api_version_check check (length(api_version) between 1 and 20),
  status events.webhook_subscription_status not null default 'active',
  disabled_reason events.webhook_subscription_end,
  disabled_at timestamptz,
  failure_count integer not null default 0 constraint webhook_subscriptions_failure_count_check check (failure_count >= 0),
  failing_since timestamptz,
  active_since timestamptz not null default now(),
  start_position bigint not null default coalesce(pg_sequence_last_value('events.positions'::regclass), 0),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint webhook_subscriptions_pkey primary key (tenant_id, id),
  constraint webhook_subscriptions_disabled_at_check check ((status = 'disabled') = (disabled_at is not null)),
  constraint webhook_subscriptions_disabled_reason_check check ((status = 'disabled') = (disabled_reason is not null))
);
comment on table events.webhook_subscriptions is E'@typeid wsub\n@behavior -insert\nAn address that is told of events.';
comment on column events.webhook_subscriptions.url is 'Address that events are sent to.';
comment on column events.webhook_subscriptions.types is 'Types of events to send, such as contact.created or contact.*; empty for all.';
comment on column events.webhook_subscriptions.api_version is 'Version of the API in whose form payloads are sent.';
comment on column events.webhook_subscriptions.failure_count is 'How many deliveries in a row were given up.';
comment on column events.webhook_subscriptions.failing_since is 'Since when no delivery has gone through; null when the last one did.';
comment on column events.webhook_subscriptions.active_since is E'@behavior -*\nWhen it was made or last switched on.';
comment on column events.webhook_subscriptions.start_position is E'@behavior -*\nWhere the feed stood then: it is told of what comes after.';
create unique index if not exists webhook_subscriptions_name_key on events.webhook_subscriptions (tenant_id, name) where deleted_at is null;
create index if not exists webhook_subscriptions_status_idx on events.webhook_subscriptions (tenant_id, status, id);
select ddl.foreign_key('events.webhook_subscriptions', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('events.webhook_subscriptions', p_insert => '{name,description,url,types}',
  p_update => '{name,description,url,types,status}', p_write_role => 'rowhouse_admin', p_select_role => 'rowhouse_manager');

create or replace function events.note_subscription_status() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  if new.status = 'active' then
    new.active_since := clock_timestamp();
    new.start_position := coalesce(pg_sequence_last_value('events.positions'::regclass), 0);
    new.disabled_reason := null;
    new.disabled_at := null;
    new.failure_count := 0;
    new.failing_since := null;
  else
    new.disabled_reason := coalesce(new.disabled_reason, 'manual');
    new.disabled_at := coalesce(new.disabled_at, now());
  end if;
  return new;
end
$$;
comment on function events.note_subscription_status() is 'Notes when and why a subscription was switched off; switched on again, it starts afresh.';
select ddl.trigger('events.webhook_subscriptions', '_300_status', $$before update of status for each row
  when (old.status is distinct from new.status) execute function events.note_subscription_status()$$);
