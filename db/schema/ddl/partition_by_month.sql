create or replace function ddl.partition_by_month(p_table regclass, p_retention interval, p_months_ahead integer default 3) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := (select relnamespace::regnamespace::text from pg_class where oid = p_table);
  v_name text := (select relname from pg_class where oid = p_table);
  v_default text := format('%I.%I', v_schema, v_name || '_default');
begin
  if pg_get_partkeydef(p_table) is distinct from 'RANGE (id)' then
    raise exception '% is not partitioned by range (id)', p_table;
  end if;
  -- A row of a month that has no partition is not lost: it waits here until keep_partitions() makes one.
  execute format('create table if not exists %s partition of %s default', v_default, p_table);
  perform ddl.guard_partition(v_default::regclass, 'Rows of months that have no partition yet.');
  -- Which months wait there, and what a tenant leaves behind, is looked up across tenants.
  execute format('grant select on %s to rowhouse_definer', v_default);
  execute format('grant select, delete on %s to rowhouse_definer', p_table);
  insert into private.partitioned_tables (table_name, months_ahead, retention) values (p_table::text, p_months_ahead, p_retention)
  on conflict (table_name) do update set months_ahead = excluded.months_ahead, retention = excluded.retention
  where (partitioned_tables.months_ahead, partitioned_tables.retention) is distinct from (excluded.months_ahead, excluded.retention);
end
$$;
comment on function ddl.partition_by_month(regclass, interval, integer) is
  'Cuts a table that is partitioned by range (id) into months: ids are version 7 uuids, so the month is in the id and the key stays (tenant_id, id). Months are made ahead and dropped after the retention by private.keep_partitions().';

create or replace function ddl.guard_partition(p_partition regclass, p_comment text) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  -- Whoever reads the partition itself passes by the policies of the table: so it has the wall, too, and no grants.
  execute format('revoke all on %s from public', p_partition);
  execute format('alter table %s enable row level security', p_partition);
  execute format('alter table %s force row level security', p_partition);
  perform ddl.policy(p_partition, 'tenant_wall',
    'as restrictive for all to public using (tenant_id = app.tenant_id()) with check (tenant_id = app.tenant_id())');
  perform ddl.policy(p_partition, 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
  execute format('comment on table %s is %L', p_partition, format(E'@behavior -*\n%s', p_comment));
end
$$;
comment on function ddl.guard_partition(regclass, text) is 'Gives a partition the wall of its table.';
