create or replace function app.create_api_key(
  p_name text, p_prefix text, p_key_hash text, p_role text, p_scopes text[], p_networks cidr[], p_expires_at timestamptz
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_role text := coalesce(p_role, 'member');
  v_scopes text[] := app.check_scopes(coalesce(p_scopes, '{}'));
  v_id uuid;
begin
  if v_role = 'owner' then
    perform app.raise('VALIDATION_FAILED', 'A key has the role admin at most: only a person answers for a tenant.', 'role');
  end if;
  perform private.check_key_within(v_maker, v_role, v_scopes, p_expires_at);
  if p_expires_at <= now() then
    perform app.raise('VALIDATION_FAILED', 'A key ends in time to come; leave expiresAt out for one that does not end.', 'expiresAt');
  end if;
  if cardinality(p_networks) > 100 then
    perform app.raise('LIMIT_EXCEEDED', 'A key has at most 100 allowed networks.', 'allowedNetworks');
  end if;
  insert into iam.api_keys (tenant_id, name, prefix, role, scopes, allowed_networks, expires_at, created_by)
  values (app.tenant_id(), p_name, p_prefix, v_role, v_scopes, coalesce(p_networks, '{}'), p_expires_at, v_maker.actor_id)
  returning id into v_id;
  insert into private.api_key_hashes (tenant_id, api_key_id, key_hash) values (app.tenant_id(), v_id, p_key_hash);
  return v_id;
end
$$;
comment on function app.create_api_key(text, text, text, text, text[], cidr[], timestamptz) is
  'A new API key of which only the hash is given; its id. Its maker must have its role, and a maker that is a key itself also its scopes.';
grant execute on function app.create_api_key(text, text, text, text, text[], cidr[], timestamptz) to rowhouse_member;

create or replace function app.rotate_api_key(p_id uuid, p_key_hash text, p_overlap interval) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_key iam.api_keys := private.managed_api_key(p_id, v_maker);
  v_end timestamptz := clock_timestamp() + p_overlap;
begin
  if v_key.revoked_at is not null or v_key.expires_at <= now() then
    perform app.raise('INVALID_STATE', format('API key %s was revoked or has ended. Make a new one.', v_key.prefix), 'apiKeyId');
  end if;
  if p_overlap not between '0' and interval '30 days' then
    perform app.raise('VALIDATION_FAILED', 'The old secret works for 0 minutes to 30 days more.', 'overlapMinutes');
  end if;
  -- Whoever rotates a key holds its secret.
  perform private.check_key_within(v_maker, v_key.role, v_key.scopes, v_key.expires_at);
  delete from private.api_key_hashes h
  where h.tenant_id = v_key.tenant_id and h.api_key_id = v_key.id and (h.expires_at <= now() or p_overlap = '0');
  update private.api_key_hashes h set expires_at = least(h.expires_at, v_end) where h.tenant_id = v_key.tenant_id and h.api_key_id = v_key.id;
  insert into private.api_key_hashes (tenant_id, api_key_id, key_hash) values (v_key.tenant_id, v_key.id, p_key_hash);
  update iam.api_keys k set rotated_at = clock_timestamp() where k.tenant_id = v_key.tenant_id and k.id = v_key.id;
  return v_key.id;
end
$$;
comment on function app.rotate_api_key(uuid, text, interval) is
  'Gives a key a new secret, by its hash; the old one works until the overlap ends.';
grant execute on function app.rotate_api_key(uuid, text, interval) to rowhouse_member;
