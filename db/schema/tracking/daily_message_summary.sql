-- How many message events of a kind a day had: added up as the events come in, one row a day, channel and kind.
create table if not exists tracking.daily_message_summary (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  date date not null,
  channel crm.channel not null,
  event_type text not null,
  event_count bigint not null default 0 constraint daily_message_summary_event_count_check check (event_count >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint daily_message_summary_pkey primary key (tenant_id, id)
);
comment on table tracking.daily_message_summary is E'@typeid dms\nHow many message events of a kind a day had, in the tenant''s time zone.';
comment on column tracking.daily_message_summary.date is 'Day in the tenant''s time zone.';
comment on column tracking.daily_message_summary.event_type is 'Kind of event, such as message.opened.';
create unique index if not exists daily_message_summary_date_channel_event_type_key
  on tracking.daily_message_summary (tenant_id, date, channel, event_type);
select ddl.tenant_table('tracking.daily_message_summary');

create or replace function tracking.summarise_messages() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  insert into tracking.daily_message_summary as s (tenant_id, date, channel, event_type, event_count)
  select n.tenant_id, (n.occurred_at at time zone t.time_zone)::date, n.channel, n.event_type, count(*)
  from new_rows n join iam.tenants t on t.id = n.tenant_id
  where n.entity_type = 'message' and n.channel is not null
  group by 1, 2, 3, 4
  -- In the order of the key, so that two statements do not wait for each other in a circle.
  order by 1, 2, 3, 4
  on conflict (tenant_id, date, channel, event_type) do update set event_count = s.event_count + excluded.event_count;
  return null;
end
$$;
comment on function tracking.summarise_messages() is 'Adds the message events of a statement to the daily figures.';
select ddl.trigger('tracking.analytics_events', '_300_summarise',
  'after insert referencing new table as new_rows for each statement execute function tracking.summarise_messages()');
-- The figures outlive the events: only what lies well within their two years is compared.
select ddl.recount('tracking.daily_message_summary', '{date,channel,event_type}', '{event_count}', $$
  select e.tenant_id, (e.occurred_at at time zone t.time_zone)::date as date, e.channel, e.event_type, count(*) as event_count
  from tracking.analytics_events e join iam.tenants t on t.id = e.tenant_id
  where e.entity_type = 'message' and e.channel is not null and (e.occurred_at at time zone t.time_zone)::date > current_date - 670
  group by 1, 2, 3, 4$$, p_when => 'date > current_date - 670');
