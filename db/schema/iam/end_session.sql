create or replace function iam.end_session(session_id uuid) returns iam.sessions
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_session iam.sessions;
  v_is_admin boolean := private.role_rank(nullif(current_setting('jwt.claims.role', true), '')) >= private.role_rank('admin');
begin
  perform app.require_scope('iam:write');
  select * into v_session from iam.sessions s
  where s.tenant_id = app.tenant_id() and s.id = end_session.session_id and (s.user_id = app.user_id() or v_is_admin)
  for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no session %s of yours.', end_session.session_id), 'sessionId');
  end if;
  if v_session.revoked_at is null then
    update iam.sessions s set revoked_at = clock_timestamp(),
      revoked_reason = case when v_session.user_id = app.user_id() then 'logout' else 'admin' end
    where s.tenant_id = v_session.tenant_id and s.id = v_session.id returning * into v_session;
  end if;
  return v_session;
end
$$;
comment on function iam.end_session(uuid) is
  'Ends a session of yours, or as an admin one of anybody in the tenant: its tokens are refused and its sockets closed within a second. One that was ended stays as it is.';
grant execute on function iam.end_session(uuid) to rowhouse_viewer;
