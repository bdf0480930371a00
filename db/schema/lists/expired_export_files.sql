grant select on lists.export_files to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.expired_export_files(p_limit integer) returns table (tenant_id uuid, id uuid, storage_key text)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select f.tenant_id, f.id, f.storage_key from lists.export_files f where f.expires_at <= now() order by f.expires_at limit p_limit;
end;
comment on function private.expired_export_files(integer) is
  'The files whose time is over, oldest first. Crosses tenants: one maintenance task clears away for all of them.';
grant execute on function private.expired_export_files(integer) to rowhouse_worker;
revoke all on function private.expired_export_files(integer) from public;
set local role rowhouse_owner;
