set local role rowhouse_definer;
create or replace function private.masking_changes(p_since timestamptz) returns table (tenant_id uuid, is_masked boolean)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, coalesce(t.settings -> 'maskContactDataForViewers' = 'true', false) from iam.tenants t where t.updated_at >= p_since;
end;
comment on function private.masking_changes(timestamptz) is
  'Tenants that were changed since a time, and whether their viewers see contact data masked now. Crosses tenants: every server process serves all of them.';
grant execute on function private.masking_changes(timestamptz) to rowhouse_identity;
revoke all on function private.masking_changes(timestamptz) from public;
set local role rowhouse_owner;
