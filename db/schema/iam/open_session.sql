set local role rowhouse_definer;
create or replace function private.open_session(
  p_tenant_id uuid, p_user_id uuid, p_token_hash text, p_expires_at timestamptz, p_user_agent text, p_ip_address inet
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_session_id uuid;
begin
  insert into iam.sessions (tenant_id, user_id, user_agent, ip_address, expires_at)
  values (p_tenant_id, p_user_id, left(p_user_agent, 1000), p_ip_address, p_expires_at)
  returning id into v_session_id;
  insert into private.session_tokens (tenant_id, session_id, token_hash, expires_at)
  values (p_tenant_id, v_session_id, p_token_hash, p_expires_at);
  return v_session_id;
end
$$;
comment on function private.open_session(uuid, uuid, text, timestamptz, text, inet) is
  'A session of a user in a tenant, with the hash of its first refresh token. Crosses tenants: whoever logs in is in none yet.';
grant execute on function private.open_session(uuid, uuid, text, timestamptz, text, inet) to rowhouse_identity;
revoke all on function private.open_session(uuid, uuid, text, timestamptz, text, inet) from public;
set local role rowhouse_owner;
