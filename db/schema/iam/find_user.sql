set local role rowhouse_definer;
create or replace function private.find_user(p_user_id uuid) returns table (
  user_id uuid, user_email text, user_name text,
  tenant_id uuid, tenant_slug text, tenant_name text, tenant_status text, actor_id uuid, role text
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select u.id, u.email, u.name, t.id, t.slug, t.name, t.status, a.id, m.role
  from iam.users u
  left join iam.memberships m on m.user_id = u.id and m.deleted_at is null
  left join iam.tenants t on t.id = m.tenant_id and t.deleted_at is null
  left join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
  where u.id = p_user_id and u.deleted_at is null
  order by m.created_at, m.id;
end;
comment on function private.find_user(uuid) is
  'The user of a verified token, and a row for each tenant they belong to. Crosses tenants: a user is one person in all of them.';
grant execute on function private.find_user(uuid) to rowhouse_identity;
revoke all on function private.find_user(uuid) from public;
set local role rowhouse_owner;
