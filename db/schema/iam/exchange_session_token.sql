set local role rowhouse_definer;
create or replace function private.exchange_session_token(p_token_hash text, p_next_hash text, p_expires_at timestamptz)
returns table (outcome text, session_id uuid, tenant_id uuid, user_id uuid)
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_token private.session_tokens;
  v_session iam.sessions;
begin
  -- The lock makes two exchanges of one token take turns: the second one sees that it was used.
  select * into v_token from private.session_tokens t where t.token_hash = p_token_hash for update;
  if not found then
    return query select 'unknown', null::uuid, null::uuid, null::uuid;
    return;
  end if;
  select * into v_session from iam.sessions s where s.tenant_id = v_token.tenant_id and s.id = v_token.session_id for update;
  if v_session.revoked_at is not null then
    outcome := 'revoked';
  elsif v_token.used_at is not null then
    update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'reuse_detected'
    where s.tenant_id = v_session.tenant_id and s.id = v_session.id;
    outcome := 'reused';
  elsif v_token.expires_at <= now() or v_session.expires_at <= now() then
    outcome := 'expired';
  else
    update private.session_tokens t set used_at = now() where t.tenant_id = v_token.tenant_id and t.id = v_token.id;
    insert into private.session_tokens (tenant_id, session_id, token_hash, expires_at)
    values (v_session.tenant_id, v_session.id, p_next_hash, p_expires_at);
    update iam.sessions s set last_used_at = now(), expires_at = p_expires_at
    where s.tenant_id = v_session.tenant_id and s.id = v_session.id;
    outcome := 'exchanged';
  end if;
  return query select outcome, v_session.id, v_session.tenant_id, v_session.user_id;
end
$$;
comment on function private.exchange_session_token(text, text, timestamptz) is
  'Exchanges a refresh token for the next one of its session. A token that was exchanged before ends the session: somebody holds a copy. Crosses tenants: the token alone tells the tenant.';
grant execute on function private.exchange_session_token(text, text, timestamptz) to rowhouse_identity;
revoke all on function private.exchange_session_token(text, text, timestamptz) from public;
set local role rowhouse_owner;
