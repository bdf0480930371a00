create or replace function private.make_partition(p_table regclass, p_month date) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := (select relnamespace::regnamespace::text from pg_class where oid = p_table);
  v_name text := (select relname from pg_class where oid = p_table);
  v_partition text := format('%I.%I', v_schema, v_name || to_char(p_month, '"_y"YYYY"m"MM'));
  v_default text := format('%I.%I', v_schema, v_name || '_default');
  v_from uuid := app.uuid_at(p_month::timestamp at time zone 'UTC');
  v_to uuid := app.uuid_at((p_month + interval '1 month') at time zone 'UTC');
  v_columns text := (select string_agg(format('%I', attname), ', ' order by attnum) from pg_attribute
    where attrelid = p_table and attnum > 0 and not attisdropped and attgenerated = '');
begin
  -- An insert that has chosen the default partition and waits for it would be refused once the month is attached. Rows
  -- of a month to come do not arrive yet; while an earlier one is made, inserts wait before they choose.
  if p_month <= now() at time zone 'UTC' then
    execute format('lock table %s in share row exclusive mode', p_table);
  end if;
  -- Row-level security is lifted from the default partition, since its rows are of all tenants; the lock keeps
  -- everybody else out meanwhile.
  execute format('lock table %s in access exclusive mode', v_default);
  execute format('alter table %s no force row level security', v_default);
  execute format('create table %s (like %s including all)', v_partition, p_table);
  execute format('with moved as (delete from %s where id >= %L and id < %L returning %s) insert into %s (%s) select %s from moved',
    v_default, v_from, v_to, v_columns, v_partition, v_columns, v_columns);
  execute format('alter table %s attach partition %s for values from (%L) to (%L)', p_table, v_partition, v_from, v_to);
  execute format('alter table %s force row level security', v_default);
  perform ddl.guard_partition(v_partition::regclass, to_char(p_month, '"Rows of" YYYY-MM "(UTC)."'));
end
$$;
comment on function private.make_partition(regclass, date) is 'Makes the partition of a month, and moves there what waits in the default partition.';

create or replace function private.clear_default_partition(p_table regclass, p_before date) returns bigint
language plpgsql set search_path to pg_catalog as $$
declare
  v_default text := (select format('%I.%I', relnamespace::regnamespace, relname || '_default') from pg_class where oid = p_table);
  v_count bigint;
begin
  execute format('lock table %s in access exclusive mode', v_default);
  execute format('alter table %s no force row level security', v_default);
  execute format('delete from %s where id < %L', v_default, app.uuid_at(p_before::timestamp at time zone 'UTC'));
  get diagnostics v_count = row_count;
  execute format('alter table %s force row level security', v_default);
  return v_count;
end
$$;
comment on function private.clear_default_partition(regclass, date) is 'Deletes what waits in the default partition and is of a month before the given one.';
