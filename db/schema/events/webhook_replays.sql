-- A request to send a stretch of the feed to a subscriber once more. The worker goes through it from position to position.
create table if not exists events.webhook_replays (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_subscription_id uuid not null,
  after_position bigint not null,
  last_position bigint not null,
  since timestamptz,
  until timestamptz,
  status events.webhook_replay_status not null default 'queued',
  event_count bigint not null default 0,
  error_code text,
  error_message text,
  started_by uuid default app.actor_id(),
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_replays_pkey primary key (tenant_id, id)
);
comment on table events.webhook_replays is E'@typeid wrep\nEvents that are sent to a subscriber once more.';
comment on column events.webhook_replays.after_position is E'@behavior -*\nThe events up to this position are done, or were not asked for.';
comment on column events.webhook_replays.last_position is E'@behavior -*\nThe last position of the feed when it was asked for.';
comment on column events.webhook_replays.since is 'Events from this time on.';
comment on column events.webhook_replays.until is 'Events before this time.';
comment on column events.webhook_replays.event_count is 'For how many events deliveries were made so far.';
comment on column events.webhook_replays.error_code is 'Code of the error that ended it.';
comment on column events.webhook_replays.started_by is 'Actor who asked for it.';
create index if not exists webhook_replays_webhook_subscription_id_idx on events.webhook_replays (tenant_id, webhook_subscription_id, id);
select ddl.foreign_key('events.webhook_replays', 'webhook_subscription_id', 'events.webhook_subscriptions', 'cascade', p_index => false);
comment on constraint webhook_replays_webhook_subscription_id_fkey on events.webhook_replays is E'@fieldName subscription\n@foreignFieldName replays';
select ddl.foreign_key('events.webhook_replays', 'started_by', 'iam.actors', 'set null');
select ddl.tenant_table('events.webhook_replays', p_select_role => 'rowhouse_manager');
select ddl.state_machine('events.webhook_replays', 'status',
  '{"queued": ["running", "failed"], "running": ["succeeded", "failed", "queued"], "succeeded": [], "failed": ["running"]}', '{queued}');
select ddl.enqueue('events.webhook_replays', 'replay_webhook_events', 'insert');
