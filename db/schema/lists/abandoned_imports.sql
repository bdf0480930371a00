grant select on lists.list_imports to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.abandoned_imports(p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select i.tenant_id, i.id from lists.list_imports i
  where i.status in ('awaiting_upload', 'uploading', 'interrupted', 'failed') and i.updated_at < now() - interval '7 days' limit p_limit;
end;
comment on function private.abandoned_imports(integer) is
  'Imports whose upload nobody went on with for a week. Crosses tenants: one maintenance task clears away for all of them.';
grant execute on function private.abandoned_imports(integer) to rowhouse_worker;
revoke all on function private.abandoned_imports(integer) from public;
set local role rowhouse_owner;
