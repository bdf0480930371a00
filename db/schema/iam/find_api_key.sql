set local role rowhouse_definer;
create or replace function private.find_api_key(p_key_hash text) returns table (
  problem text, api_key_id uuid, tenant_id uuid, membership_id uuid, actor_id uuid, role text, scopes text[], networks text[], expires_at float8,
  key_version bigint, tenant_version bigint, membership_version bigint
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select case
      when k.revoked_at is not null then 'was revoked'
      when least(k.expires_at, h.expires_at) <= clock_timestamp() then case when k.expires_at <= clock_timestamp() then 'has expired' else 'was replaced by a new one' end
      when t.deleted_at is not null or t.status <> 'active' then 'belongs to a tenant that may not work now'
      when m.deleted_at is not null then 'was made by somebody who does not belong to the tenant any more'
    end,
    k.id, k.tenant_id, m.id, k.actor_id,
    case when app.role_rank(m.role) between 1 and app.role_rank(k.role) then m.role else k.role end,
    k.scopes, k.allowed_networks::text[], extract(epoch from least(k.expires_at, h.expires_at))::float8,
    (extract(epoch from k.updated_at) * 1000000)::bigint, (extract(epoch from t.updated_at) * 1000000)::bigint,
    (extract(epoch from m.updated_at) * 1000000)::bigint
  from private.api_key_hashes h
  join iam.api_keys k on k.tenant_id = h.tenant_id and k.id = h.api_key_id
  join iam.tenants t on t.id = k.tenant_id
  left join iam.actors a on a.tenant_id = k.tenant_id and a.id = k.created_by
  left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id
  where h.key_hash = p_key_hash;
end;
comment on function private.find_api_key(text) is
  'The API key with a hash, and why it may not be used, if so. It may do no more than its maker may now. Crosses tenants: whoever signs in is in none yet.';
grant execute on function private.find_api_key(text) to rowhouse_identity;
revoke all on function private.find_api_key(text) from public;

create or replace function private.key_changes(p_since timestamptz) returns table (id uuid, version bigint)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select k.id, (extract(epoch from k.updated_at) * 1000000)::bigint from iam.api_keys k where k.updated_at >= p_since
  union all
  select t.id, (extract(epoch from t.updated_at) * 1000000)::bigint from iam.tenants t where t.updated_at >= p_since
  union all
  select m.id, (extract(epoch from m.updated_at) * 1000000)::bigint from iam.memberships m where m.updated_at >= p_since;
end;
comment on function private.key_changes(timestamptz) is
  'API keys, tenants and memberships that were changed since a time: what servers remember of a key ends with it. Crosses tenants: every server process serves all of them.';
grant execute on function private.key_changes(timestamptz) to rowhouse_identity;
revoke all on function private.key_changes(timestamptz) from public;

create or replace function private.note_key_uses(p_tenant_ids uuid[], p_ids uuid[]) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update iam.api_keys k set last_used_at = now()
  from (select distinct * from unnest(p_tenant_ids, p_ids) u (tenant_id, id)) u
  where k.tenant_id = u.tenant_id and k.id = u.id and (k.last_used_at is null or k.last_used_at < now() - interval '50 seconds');
end;
comment on function private.note_key_uses(uuid[], uuid[]) is
  'Notes that keys were used, at most once a minute each. Crosses tenants: one statement for all keys that a server has seen.';
grant execute on function private.note_key_uses(uuid[], uuid[]) to rowhouse_identity;
revoke all on function private.note_key_uses(uuid[], uuid[]) from public;
set local role rowhouse_owner;
