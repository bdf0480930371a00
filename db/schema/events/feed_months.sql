-- Where the feed stood when a month had ended: whoever has not read past that when the month is dropped has lost something.
create table if not exists private.feed_months (
  month date primary key,
  last_position bigint not null constraint feed_months_last_position_check check (last_position >= 0),
  is_dropped boolean not null default false,
  updated_at timestamptz not null default now()
);
comment on table private.feed_months is 'Positions of the feed at the ends of months. Written by private.keep_feed_months().';
select ddl.private_table('private.feed_months');
select ddl.trigger('private.feed_months', '_100_stamp', 'before update for each row execute function app.stamp()');

create or replace function private.keep_feed_months(p_first date, p_this date) returns void
language sql set search_path to pg_catalog
begin atomic
  -- What was written in the month before this one stands below the position of now.
  insert into private.feed_months (month, last_position)
  values (p_this - interval '1 month', coalesce(pg_sequence_last_value('events.positions'::regclass), 0))
  on conflict (month) do nothing;
  update private.feed_months set is_dropped = true where month < p_first and not is_dropped;
end;
comment on function private.keep_feed_months(date, date) is 'Notes where the feed stands once a month has ended, and which months are kept no more. Called by private.keep_partitions().';
