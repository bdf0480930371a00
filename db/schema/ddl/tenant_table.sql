create or replace function ddl.tenant_table(
  p_table regclass,
  p_insert text[] default '{}',
  p_update text[] default '{}',
  p_write_role text default 'rowhouse_member',
  p_select_role text default 'rowhouse_viewer',
  p_system text default 'select, insert, update, delete'
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_has_deleted_at boolean := exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at');
  v_has_updated_at boolean := exists (select from pg_attribute where attrelid = p_table and attname = 'updated_at');
  v_update text[] := p_update || case when v_has_deleted_at and p_update <> '{}' then array['deleted_at'] else '{}' end;
  v_relname text := (select relname from pg_class where oid = p_table);
  v_columns text;
begin
  -- A month that is attached to a partitioned table would have its references checked as the owner, whom the wall binds.
  if (select relkind from pg_class where oid = p_table) = 'r' then
    perform ddl.constraint(p_table, v_relname || '_tenant_id_fkey', 'foreign key (tenant_id) references iam.tenants (id) on delete cascade');
  end if;

  execute format('alter table %s enable row level security', p_table);
  execute format('alter table %s force row level security', p_table);

  -- The wall is restrictive, so it is AND-ed with every other policy: no later policy can open it.
  -- The function stands unwrapped: PostgreSQL inlines it, and the planner sees which tenant it plans for.
  perform ddl.policy(p_table, 'tenant_wall',
    'as restrictive for all to public using (tenant_id = app.tenant_id()) with check (tenant_id = app.tenant_id())');
  -- Only the roles of keys that are limited to scopes carry this one: others plan and run as if it were not there.
  perform ddl.policy(p_table, 'scope_wall', format(
    'as restrictive for all to rowhouse_scoped using ((select app.require_scope(%L))) with check ((select app.require_scope(%L)))',
    ddl.scope(p_table) || ':read', ddl.scope(p_table) || ':write'));
  perform ddl.policy(p_table, 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
  perform ddl.policy(p_table, 'select_' || substr(p_select_role, 10), format('for select to %I using (true)', p_select_role));

  execute format('revoke all on %s from public, rowhouse_anonymous, rowhouse_viewer, rowhouse_member, rowhouse_manager, rowhouse_admin, rowhouse_system', p_table);
  execute format('grant select on %s to %I', p_table, p_select_role);
  execute format('grant %s on %s to rowhouse_system', p_system, p_table);

  if p_insert <> '{}' then
    select string_agg(format('%I', c), ', ') into v_columns from unnest(p_insert) c;
    execute format('grant insert (%s) on %s to %I', v_columns, p_table, p_write_role);
    perform ddl.policy(p_table, 'insert_' || substr(p_write_role, 10), format('for insert to %I with check (true)', p_write_role));
  end if;
  if v_update <> '{}' then
    select string_agg(format('%I', c), ', ') into v_columns from unnest(v_update) c;
    execute format('grant update (%s) on %s to %I', v_columns, p_table, p_write_role);
    perform ddl.policy(p_table, 'update_' || substr(p_write_role, 10), format('for update to %I using (true) with check (true)', p_write_role));
  end if;

  -- Until a table is first analyzed, the planner takes a tenant for one of two hundred, of less than a row each: any index
  -- that begins with the tenant then looks better than the primary key, and a check of a reference reads all of the
  -- tenant's rows. Taken for one of two, it has many rows, and the key is used. The first ANALYZE replaces this.
  if (select reltuples < 0 and relkind = 'r' from pg_class where oid = p_table) then
    perform pg_restore_attribute_stats('schemaname', (select relnamespace::regnamespace::text from pg_class where oid = p_table),
      'relname', v_relname, 'attname', 'tenant_id', 'inherited', false, 'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 2::real);
  end if;

  if v_has_updated_at then
    perform ddl.trigger(p_table, '_100_stamp', 'before update for each row execute function app.stamp()');
  end if;
end
$$;
comment on function ddl.tenant_table(regclass, text[], text[], text, text, text) is
  'Applies the tenant pattern: reference to the tenant, forced row-level security with the tenant wall and that of scopes, select for viewers, insert and update of the named columns for the write role, everything named for the system role, the time stamp. A table with deleted_at and updatable columns can be soft-deleted by its write role.';
