create or replace function private.make_partition(p_table regclass, p_month date) returns boolean
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := (select relnamespace::regnamespace::text from pg_class where oid = p_table);
  v_name text := (select relname from pg_class where oid = p_table);
  v_partition text := format('%I.%I', v_schema, v_name || to_char(p_month, '"_y"YYYY"m"MM'));
  v_default text := format('%I.%I', v_schema, v_name || '_default');
  v_from uuid := app.uuid_at(p_month::timestamp at time zone 'UTC');
  v_to uuid := app.uuid_at((p_month + interval '1 month') at time zone 'UTC');
begin
  if to_regclass(v_partition) is not null then
    return false;
  end if;
  -- Nobody adds to the default partition until the month is attached; its rows of that month move over. Row-level
  -- security is lifted from it meanwhile, since they are rows of all tenants; the lock keeps everybody else out.
  execute format('lock table %s in access exclusive mode', v_default);
  execute format('alter table %s no force row level security', v_default);
  execute format('create table %s (like %s including all)', v_partition, p_table);
  execute format('with moved as (delete from %s where id >= %L and id < %L returning *) insert into %s select * from moved',
    v_default, v_from, v_to, v_partition);
  execute format('alter table %s attach partition %s for values from (%L) to (%L)', p_table, v_partition, v_from, v_to);
  execute format('alter table %s force row level security', v_default);
  perform ddl.guard_partition(v_partition::regclass, to_char(p_month, '"Rows of" YYYY-MM "(UTC)."'));
  return true;
end
$$;
comment on function private.make_partition(regclass, date) is 'Makes the partition of a month, and moves there what waits in the default partition.';

create or replace function private.keep_partitions(p_now timestamptz default now()) returns text[]
language plpgsql security definer set search_path to pg_catalog set lock_timeout to '5s' as $$
declare
  v_done text[] := '{}';
  v_table private.partitioned_tables;
  v_month date;
  v_old record;
begin
  -- One process at a time; the others find the work done.
  perform pg_advisory_xact_lock(hashtext('private.keep_partitions'));
  for v_table in select * from private.partitioned_tables order by table_name loop
    for v_month in
      select generate_series(date_trunc('month', p_now at time zone 'UTC'),
        date_trunc('month', p_now at time zone 'UTC') + v_table.months_ahead * interval '1 month', interval '1 month')::date
    loop
      if private.make_partition(v_table.table_name::regclass, v_month) then
        v_done := v_done || format('made %s of %s', to_char(v_month, 'YYYY-MM'), v_table.table_name);
      end if;
    end loop;
    for v_old in
      select c.oid::regclass as partition, to_date(right(c.relname, 7), 'YYYY"m"MM') as month
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = v_table.table_name::regclass and c.relname ~ '_y[0-9]{4}m[0-9]{2}$'
        and (to_date(right(c.relname, 7), 'YYYY"m"MM') + interval '1 month') at time zone 'UTC' <= p_now - v_table.retention
      order by 2
    loop
      execute format('alter table %s detach partition %s', v_table.table_name, v_old.partition);
      execute format('drop table %s', v_old.partition);
      v_done := v_done || format('dropped %s of %s', to_char(v_old.month, 'YYYY-MM'), v_table.table_name);
    end loop;
  end loop;
  return v_done;
end
$$;
comment on function private.keep_partitions(timestamptz) is
  'Makes the months to come of every table that is cut into months, and drops those beyond its retention; returns what it did. Can be called at any time, by several at once.';
grant execute on function private.keep_partitions(timestamptz) to rowhouse_worker;
