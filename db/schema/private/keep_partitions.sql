create or replace function private.partitioned_table_names() returns setof text
language sql stable security definer set search_path to pg_catalog
begin atomic
  select table_name from private.partitioned_tables order by table_name;
end;
comment on function private.partitioned_table_names() is 'The tables that are cut into months: keep_partitions() is called for each, in a transaction of its own.';
grant execute on function private.partitioned_table_names() to rowhouse_worker;

create or replace function private.keep_partitions(p_table text, p_now timestamptz default now()) returns text[]
language plpgsql security definer set search_path to pg_catalog set lock_timeout to '2s' as $$
declare
  v_table private.partitioned_tables;
  v_done text[] := '{}';
  v_this_month date := date_trunc('month', p_now at time zone 'UTC');
  v_first date;
  v_last date;
  v_month date;
  v_old record;
  v_count bigint;
begin
  select * into v_table from private.partitioned_tables where table_name = p_table;
  if not found then
    perform app.raise('NOT_FOUND', format('%s is not cut into months.', p_table));
  end if;
  v_first := date_trunc('month', (p_now - v_table.retention) at time zone 'UTC');
  v_last := v_this_month + v_table.months_ahead * interval '1 month';
  -- One process at a time: what another one is doing need not be waited for.
  if not pg_try_advisory_xact_lock(hashtext('private.keep_partitions'), p_table::regclass::oid::integer) then
    return v_done;
  end if;

  -- Dropping locks the table, making its default partition: in the order in which queries lock them.
  for v_old in
    select c.oid::regclass as partition, to_date(right(c.relname, 7), 'YYYY"m"MM') as month
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = p_table::regclass and c.relname ~ '_y[0-9]{4}m[0-9]{2}$' and to_date(right(c.relname, 7), 'YYYY"m"MM') < v_first
    order by 2
  loop
    execute format('drop table %s', v_old.partition);
    v_done := v_done || format('dropped %s of %s', to_char(v_old.month, 'YYYY-MM'), p_table);
  end loop;

  for v_month in
    select m::date from generate_series(v_this_month, v_last, interval '1 month') m
    union select w from private.waiting_months((p_table || '_default')::regclass) w where w between v_first and v_last
    order by 1
  loop
    if to_regclass(p_table || to_char(v_month, '"_y"YYYY"m"MM')) is null then
      perform private.make_partition(p_table::regclass, v_month);
      v_done := v_done || format('made %s of %s', to_char(v_month, 'YYYY-MM'), p_table);
    end if;
  end loop;

  if p_table = 'events.events' then
    perform private.keep_feed_months(v_first, v_this_month);
  end if;
  if exists (select from private.waiting_months((p_table || '_default')::regclass) w where w < v_first) then
    v_count := private.clear_default_partition(p_table::regclass, v_first);
    v_done := v_done || format('deleted %s rows from before %s of %s', v_count, to_char(v_first, 'YYYY-MM'), p_table);
  end if;
  return v_done;
end
$$;
comment on function private.keep_partitions(text, timestamptz) is
  'Makes the months to come of a table that is cut into months, and those that rows wait for; drops the months beyond its retention. Returns what it did. Can be called at any time, by several at once; fails rather than wait long for a lock, and can then be called again.';
grant execute on function private.keep_partitions(text, timestamptz) to rowhouse_worker;
