set local role rowhouse_definer;
create or replace function private.find_login(p_email text) returns table (
  user_id uuid, user_name text, password_hash text,
  tenant_id uuid, tenant_slug text, tenant_name text, tenant_status text, actor_id uuid, role text
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select u.id, u.name, c.password_hash, t.id, t.slug, t.name, t.status, a.id, m.role
  from iam.users u
  join private.user_credentials c on c.user_id = u.id
  left join iam.memberships m on m.user_id = u.id and m.deleted_at is null
  left join iam.tenants t on t.id = m.tenant_id and t.deleted_at is null
  left join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
  where u.email = lower(btrim(p_email)) and u.deleted_at is null
  order by m.created_at, m.id;
end;
comment on function private.find_login(text) is
  'The user with this address, their password hash, and a row for each tenant they belong to. Crosses tenants: nobody is signed in yet.';
grant execute on function private.find_login(text) to rowhouse_identity;
revoke all on function private.find_login(text) from public;
set local role rowhouse_owner;
