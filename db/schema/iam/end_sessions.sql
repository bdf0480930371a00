set local role rowhouse_definer;
create or replace function private.end_sessions(p_user_id uuid, p_session_id uuid, p_reason text) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = p_reason
  where s.user_id = p_user_id and s.revoked_at is null and (p_session_id is null or s.id = p_session_id);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.end_sessions(uuid, uuid, text) is
  'Ends one session of a user, or without a session all of them in every tenant; returns how many. Crosses tenants: a user is one person in all of them.';
grant execute on function private.end_sessions(uuid, uuid, text) to rowhouse_identity;
revoke all on function private.end_sessions(uuid, uuid, text) from public;

set local role rowhouse_owner;
