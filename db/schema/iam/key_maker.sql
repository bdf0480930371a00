-- Who manages keys, and how far that goes.
create or replace function app.role_rank(p_role text) returns integer
language sql immutable parallel safe
return coalesce(array_position(array['viewer', 'member', 'manager', 'admin', 'owner'], p_role), 0);
comment on function app.role_rank(text) is 'How much a role may do: each rank may do what the ones below it may; 0 for none.';
grant execute on function app.role_rank(text) to rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

create or replace function private.key_maker(out actor_id uuid, out role text, out scopes text[], out expires_at timestamptz)
language plpgsql stable security definer set search_path to pg_catalog as $$
declare
  v_kind text;
  v_member_role text;
begin
  role := nullif(current_setting('jwt.claims.role', true), '');
  select a.id, a.kind, m.role into key_maker.actor_id, v_kind, v_member_role
  from iam.actors a left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id and m.deleted_at is null
  where a.tenant_id = app.tenant_id() and a.id = app.actor_id();
  if v_kind is null or (v_kind = 'user' and v_member_role is null) then
    perform app.raise('FORBIDDEN', 'Keys are managed by those who belong to the tenant. Log in as one of its members.');
  end if;
  -- A token may be older than the member's present role.
  if v_kind = 'user' and app.role_rank(v_member_role) < app.role_rank(role) then
    role := v_member_role;
  end if;
  if v_kind = 'api_key' then
    select k.scopes, k.expires_at into key_maker.scopes, key_maker.expires_at
    from iam.api_keys k where k.tenant_id = app.tenant_id() and k.actor_id = key_maker.actor_id;
    if not coalesce('api_keys:write' = any (key_maker.scopes), false) then
      perform app.raise('FORBIDDEN', 'This API key may not manage keys: it was made without the scope api_keys:write. Log in as a person.', null,
        jsonb_build_object('scope', 'api_keys:write'));
    end if;
  end if;
end
$$;
comment on function private.key_maker() is
  'Who manages keys in this session: the actor, the highest role that it may give, and for a key its own scopes and end, which those it makes stay within.';

create or replace function private.managed_api_key(p_id uuid, p_maker record) returns iam.api_keys
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_key iam.api_keys;
begin
  select * into v_key from iam.api_keys k
  where k.tenant_id = app.tenant_id() and k.id = p_id
    and (app.role_rank(p_maker.role) >= app.role_rank('admin') or p_maker.actor_id in (k.created_by, k.actor_id))
  for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no API key %s that you may manage. Members manage their own keys, admins all.', p_id), 'apiKeyId');
  end if;
  return v_key;
end
$$;
comment on function private.managed_api_key(uuid, record) is 'The key of an id, locked: one that the maker made or is, or any when the maker is an admin.';

create or replace function private.check_key_within(p_maker record, p_role text, p_scopes text[], p_expires_at timestamptz) returns void
language plpgsql stable security definer set search_path to pg_catalog as $$
begin
  if app.role_rank(p_role) > app.role_rank(p_maker.role) then
    perform app.raise('FORBIDDEN', format('Nobody makes a key above their own role: yours is %s, the key''s would be %s.', p_maker.role, p_role), 'role');
  end if;
  if p_maker.scopes is null then
    return;
  end if;
  if p_scopes = '{}' or not app.scopes_cover(p_maker.scopes, p_scopes) then
    perform app.raise('FORBIDDEN', format('A key makes keys within its own scopes only: %s.', array_to_string(p_maker.scopes, ', ')), 'scopes');
  end if;
  if p_maker.expires_at is not null and coalesce(p_expires_at, 'infinity') > p_maker.expires_at then
    perform app.raise('FORBIDDEN', 'A key that ends makes only keys that end no later.', 'expiresAt');
  end if;
end
$$;
comment on function private.check_key_within(record, text, text[], timestamptz) is 'Refuses a key that could do more, or for longer, than who makes it.';
