create or replace function iam.change_api_key(
  api_key_id uuid, name text default null, scopes text[] default null, allowed_networks cidr[] default null, expires_at timestamptz default null
) returns iam.api_keys
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_key iam.api_keys := private.managed_api_key(change_api_key.api_key_id, v_maker);
  v_scopes text[] := app.check_scopes(coalesce(change_api_key.scopes, v_key.scopes));
  v_networks cidr[] := coalesce(change_api_key.allowed_networks, v_key.allowed_networks);
begin
  if v_key.revoked_at is not null then
    perform app.raise('INVALID_STATE', format('API key %s was revoked, and stays as it is. Make a new one.', v_key.prefix), 'apiKeyId');
  end if;
  if v_key.scopes <> '{}' and (v_scopes = '{}' or not app.scopes_cover(v_key.scopes, v_scopes)) then
    perform app.raise('FORBIDDEN', format('The scopes of a key can only get fewer. It has: %s. Make another key for more.', array_to_string(v_key.scopes, ', ')), 'scopes');
  end if;
  if v_key.allowed_networks <> '{}' and (v_networks = '{}' or exists (
    select from unnest(v_networks) n where not exists (select from unnest(v_key.allowed_networks) o where n <<= o))) then
    perform app.raise('FORBIDDEN', format('The networks of a key can only get narrower. It has: %s. Make another key for more.',
      array_to_string(v_key.allowed_networks, ', ')), 'allowedNetworks');
  end if;
  if cardinality(v_networks) > 100 then
    perform app.raise('LIMIT_EXCEEDED', 'A key has at most 100 allowed networks.', 'allowedNetworks');
  end if;
  if change_api_key.expires_at > coalesce(v_key.expires_at, 'infinity') or change_api_key.expires_at <= now() then
    perform app.raise('FORBIDDEN', 'The end of a key can only come sooner, and not lie in the past. Revoke it to end it now.', 'expiresAt');
  end if;
  update iam.api_keys k set name = coalesce(change_api_key.name, v_key.name), scopes = v_scopes, allowed_networks = v_networks,
    expires_at = coalesce(change_api_key.expires_at, v_key.expires_at)
  where k.tenant_id = v_key.tenant_id and k.id = v_key.id returning * into v_key;
  return v_key;
end
$$;
comment on function iam.change_api_key(uuid, text, text[], cidr[], timestamptz) is
  'Changes the name of an API key, or narrows it: fewer scopes, smaller networks, an earlier end. What is left out stays as it is.';
grant execute on function iam.change_api_key(uuid, text, text[], cidr[], timestamptz) to rowhouse_member;
