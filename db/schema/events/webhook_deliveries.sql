-- One event on its way to one subscriber. The event is not a foreign key: whole months of events are dropped,
-- and a delivery has the payload as it was when the event happened.
create table if not exists events.webhook_deliveries (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  webhook_subscription_id uuid not null,
  event_id uuid not null,
  event_type text not null constraint webhook_deliveries_event_type_check check (length(event_type) between 1 and 200),
  position bigint not null default 0,
  subject_type text not null default 'events',
  subject_id uuid,
  payload jsonb not null constraint webhook_deliveries_payload_check check (jsonb_typeof(payload) = 'object'),
  status events.webhook_delivery_status not null default 'pending',
  is_blocked boolean not null default false,
  attempt_count integer not null default 0 constraint webhook_deliveries_attempt_count_check check (attempt_count >= 0),
  response_status integer constraint webhook_deliveries_response_status_check check (response_status between 100 and 599),
  response_body text constraint webhook_deliveries_response_body_check check (length(response_body) <= 2000),
  error_code text,
  error_message text,
  next_attempt_at timestamptz default now(),
  last_attempt_at timestamptz,
  delivered_at timestamptz,
  replayed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint webhook_deliveries_pkey primary key (tenant_id, id),
  constraint webhook_deliveries_next_attempt_at_check check ((next_attempt_at is not null) = (status in ('pending', 'delivering', 'failed'))),
  constraint webhook_deliveries_delivered_at_check check ((delivered_at is not null) = (status = 'delivered'))
);
comment on table events.webhook_deliveries is E'@typeid wdel\nAn event on its way to a subscriber, and what the receiver answered.';
comment on column events.webhook_deliveries.event_id is E'@typeid evt\nThe event. It may be gone by now: events are dropped by the month.';
comment on column events.webhook_deliveries.event_type is 'Type of the event.';
comment on column events.webhook_deliveries.position is E'@behavior -*\nPlace of the event in the feed: the order among events of one subject.';
comment on column events.webhook_deliveries.subject_type is E'@behavior -*\nTable of the rows that the event is about.';
comment on column events.webhook_deliveries.subject_id is E'@behavior -*\nThe row that the event is about; null when it is about several, and then nothing of that table overtakes it.';
comment on column events.webhook_deliveries.is_blocked is 'Whether an earlier event of the same subject must be delivered, or given up, before.';
comment on column events.webhook_deliveries.attempt_count is 'How often it was tried, since it was last replayed.';
comment on column events.webhook_deliveries.replayed_at is 'When somebody last had it sent once more.';
comment on column events.webhook_deliveries.payload is 'What is sent, fixed when the event happened: every attempt sends the same.';
comment on column events.webhook_deliveries.response_status is 'HTTP status of the last answer.';
comment on column events.webhook_deliveries.response_body is 'The beginning of the last answer.';
comment on column events.webhook_deliveries.error_code is 'Code of the last error.';
comment on column events.webhook_deliveries.next_attempt_at is 'When it is tried next; a delivery that is being made is tried again then, should its worker be lost.';
create unique index if not exists webhook_deliveries_webhook_subscription_id_event_id_key
  on events.webhook_deliveries (tenant_id, webhook_subscription_id, event_id);
create index if not exists webhook_deliveries_webhook_subscription_id_idx on events.webhook_deliveries (tenant_id, webhook_subscription_id, id);
create index if not exists webhook_deliveries_event_id_idx on events.webhook_deliveries (tenant_id, event_id);
create index if not exists webhook_deliveries_status_idx on events.webhook_deliveries (tenant_id, status, id);
create index if not exists webhook_deliveries_subject_idx on events.webhook_deliveries (tenant_id, webhook_subscription_id, subject_type, subject_id, position)
  where next_attempt_at is not null;
create index if not exists webhook_deliveries_ready_idx on events.webhook_deliveries (tenant_id, webhook_subscription_id, next_attempt_at)
  where next_attempt_at is not null and not is_blocked;
create index if not exists webhook_deliveries_next_attempt_at_idx on events.webhook_deliveries (tenant_id, next_attempt_at) where next_attempt_at is not null;
select ddl.foreign_key('events.webhook_deliveries', 'webhook_subscription_id', 'events.webhook_subscriptions', 'cascade', p_index => false);
comment on constraint webhook_deliveries_webhook_subscription_id_fkey on events.webhook_deliveries is E'@fieldName subscription\n@foreignFieldName deliveries';
select ddl.tenant_table('events.webhook_deliveries', p_select_role => 'rowhouse_manager');
grant select, update on events.webhook_deliveries to rowhouse_definer;
select ddl.state_machine('events.webhook_deliveries', 'status',
  '{"pending": ["delivering", "dead"], "delivering": ["delivered", "failed", "dead", "pending"], "failed": ["delivering", "dead"], "dead": ["pending"], "delivered": ["pending"]}',
  '{pending}');

create or replace function events.note_delivery_status() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.payload <> old.payload or new.event_id <> old.event_id or new.webhook_subscription_id <> old.webhook_subscription_id then
    perform app.raise('FORBIDDEN', format('What delivery %s sends, and to whom, is fixed. Make a new delivery.', old.id));
  end if;
  if new.status <> old.status then
    new.delivered_at := case when new.status = 'delivered' then coalesce(new.delivered_at, now()) end;
    new.next_attempt_at := case when new.status in ('pending', 'delivering', 'failed') then coalesce(new.next_attempt_at, now()) end;
    if new.status = 'pending' and old.status in ('delivered', 'dead') then
      new.attempt_count := 0;
      new.replayed_at := now();
    end if;
    if new.status = 'delivering' then
      new.attempt_count := old.attempt_count + 1;
      new.last_attempt_at := clock_timestamp();
    end if;
  end if;
  return new;
end
$$;
comment on function events.note_delivery_status() is 'Counts the attempts of a delivery and keeps its times; what it sends never changes.';
select ddl.trigger('events.webhook_deliveries', '_300_status', 'before update for each row execute function events.note_delivery_status()');
