create or replace function private.forget_holder(p_holder uuid) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.quota_holds where holder = p_holder;
end;
comment on function private.forget_holder(uuid) is 'Frees what a server process holds, as it ends.';
grant execute on function private.forget_holder(uuid) to rowhouse_identity;
revoke all on function private.forget_holder(uuid) from public;
