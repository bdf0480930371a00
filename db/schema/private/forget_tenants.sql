set local role rowhouse_definer;
create or replace function private.forget_tenants() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_table text;
begin
  for v_table in select private.partitioned_table_names() loop
    execute format('delete from %s t using old_rows o where t.tenant_id = o.id', v_table);
  end loop;
  return null;
end
$$;
comment on function private.forget_tenants() is
  'Deletes what a tenant leaves in the tables that are cut into months: they have no reference to it that would do so. Crosses tenants: the tenant is gone.';
revoke all on function private.forget_tenants() from public;
grant execute on function private.forget_tenants() to rowhouse_owner;
set local role rowhouse_owner;
grant execute on function private.partitioned_table_names() to rowhouse_definer;
