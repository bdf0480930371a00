set local role rowhouse_definer;
create or replace function private.find_foreign_member(p_tenant text, p_user_id uuid, p_email text) returns table (
  tenant_id uuid, tenant_slug text, tenant_status text, user_id uuid, actor_id uuid, membership_id uuid, role text,
  tenant_version bigint, membership_version bigint
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, t.slug, t.status, u.id, a.id, m.id, m.role,
    (extract(epoch from t.updated_at) * 1000000)::bigint, (extract(epoch from m.updated_at) * 1000000)::bigint
  from iam.tenants t
  join iam.memberships m on m.tenant_id = t.id and m.deleted_at is null
  join iam.users u on u.id = m.user_id and u.deleted_at is null
  join iam.actors a on a.tenant_id = m.tenant_id and a.membership_id = m.id
  -- A slug may look like the id of another tenant.
  where t.deleted_at is null and case when p_tenant ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then t.id::text = p_tenant else t.slug = p_tenant end
    and (u.id = p_user_id or u.email = p_email)
  order by u.id = p_user_id desc
  limit 1;
end;
comment on function private.find_foreign_member(text, uuid, text) is
  'The member of a tenant whom a token of another issuer is about, by their user id or else their e-mail address. Crosses tenants: whoever signs in is in none yet.';
grant execute on function private.find_foreign_member(text, uuid, text) to rowhouse_identity;
revoke all on function private.find_foreign_member(text, uuid, text) from public;
set local role rowhouse_owner;
