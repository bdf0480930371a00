-- The feed: what changed, one event for each statement that matters, written in the transaction of the change itself.
-- Readers go by position up to the horizon (feed_horizon.sql), so a transaction that commits late is not skipped.
-- Positions are given one by one, without a cache: one that a session had put by would be below what others know of.
create sequence if not exists events.positions as bigint cache 1;
comment on sequence events.positions is 'Positions of the feed, of all tenants. What a transaction that rolled back was given is missing.';
grant usage on sequence events.positions to rowhouse_system, rowhouse_definer;

create table if not exists events.events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  position bigint not null default nextval('events.positions'),
  type text not null constraint events_type_check check (type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'),
  subject_type text not null constraint events_subject_type_check check (subject_type ~ '^[a-z][a-z0-9_]*$'),
  subject_id uuid,
  keys uuid[] not null default '{}' constraint events_keys_check check (cardinality(keys) <= 1000 and array_position(keys, null) is null),
  changed_fields text[] not null default '{}' constraint events_changed_fields_check check (array_position(changed_fields, null) is null),
  row_count bigint not null default 1 constraint events_row_count_check check (row_count >= 0),
  counts jsonb not null default '{}' constraint events_counts_check check (jsonb_typeof(counts) = 'object'),
  payload jsonb not null default '{}' constraint events_payload_check check (jsonb_typeof(payload) = 'object'),
  actor_id uuid default app.actor_id(),
  depth smallint not null default coalesce(nullif(current_setting('rowhouse.depth', true), '')::smallint, 0)
    constraint events_depth_check check (depth >= 0),
  correlation_id uuid default nullif(current_setting('rowhouse.correlation_id', true), '')::uuid,
  request_id text default nullif(left(current_setting('rowhouse.request_id', true), 200), '') constraint events_request_id_check check (length(request_id) <= 200),
  created_at timestamptz not null default now(),
  constraint events_pkey primary key (tenant_id, id)
) partition by range (id);
comment on table events.events is E'@typeid evt\n@foreignKey (tenant_id, actor_id) references iam.actors (tenant_id, id)|@foreignFieldName events\nSomething that happened in this tenant: the durable, ordered feed of changes.';
comment on column events.events.position is E'@behavior -*\nIts place in the feed: the order in which events are read.';
comment on column events.events.depth is 'How many automations stand behind it, one having set off the other; 0 for none.';
comment on column events.events.type is 'What happened: contact.created, list_import.completed, …';
comment on column events.events.subject_type is 'Table of the rows that it is about.';
comment on column events.events.subject_id is 'The row that it is about, when it is one.';
comment on column events.events.keys is 'Ids of the rows that it is about. Empty when there are more than a thousand: they are those whose updatedAt is its createdAt.';
comment on column events.events.changed_fields is 'Which columns changed, when something was updated.';
comment on column events.events.row_count is 'How many rows it is about.';
comment on column events.events.counts is 'Figures by name, when there are several, a JSON object.';
comment on column events.events.payload is 'What a receiver needs to know without asking, a JSON object.';
comment on column events.events.correlation_id is 'Ties it to everything else that had the same cause.';
comment on column events.events.request_id is 'The request that caused it, as in the log.';
create index if not exists events_position_idx on events.events (tenant_id, position);
create index if not exists events_type_idx on events.events (tenant_id, type, id);
create index if not exists events_subject_id_idx on events.events (tenant_id, subject_id, id);
create index if not exists events_actor_id_idx on events.events (tenant_id, actor_id, id);
comment on column events.events.actor_id is 'Actor who caused it. No reference: what happened stays true when the actor is gone.';
select ddl.append_only('events.events');
grant insert on events.events to rowhouse_definer;
select ddl.partition_by_month('events.events', interval '90 days');
