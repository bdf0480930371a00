set local role rowhouse_definer;
create or replace function private.find_tenant_actors(p_tenant_slug text) returns table (
  tenant_id uuid, actor_id uuid, kind text, user_id uuid, user_email text, role text
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, a.id, a.kind, u.id, u.email, m.role
  from iam.tenants t
  join iam.actors a on a.tenant_id = t.id
  left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id and m.deleted_at is null
  left join iam.users u on u.id = m.user_id and u.deleted_at is null
  where t.slug = p_tenant_slug and t.deleted_at is null and (a.kind = 'system' or u.id is not null)
  order by m.created_at, a.id;
end;
comment on function private.find_tenant_actors(text) is
  'Who may act in the tenant with this slug: its members and its system actor. For the command that prints development tokens.';
grant execute on function private.find_tenant_actors(text) to rowhouse_identity;
revoke all on function private.find_tenant_actors(text) from public;
set local role rowhouse_owner;
