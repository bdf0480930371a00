set local role rowhouse_definer;
create or replace function private.password_hash(p_user_id uuid) returns text
language sql stable security definer set search_path to pg_catalog
begin atomic
  select c.password_hash from private.user_credentials c join iam.users u on u.id = c.user_id and u.deleted_at is null where c.user_id = p_user_id;
end;
comment on function private.password_hash(uuid) is 'The hash of a user''s password. Crosses tenants: a user is one person in all of them.';
grant execute on function private.password_hash(uuid) to rowhouse_identity;
revoke all on function private.password_hash(uuid) from public;

create or replace function private.change_password(p_user_id uuid, p_old_hash text, p_new_hash text, p_kept_session_id uuid) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  update private.user_credentials set password_hash = p_new_hash where user_id = p_user_id and password_hash = p_old_hash;
  if not found then
    return null;
  end if;
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'password_changed'
  where s.user_id = p_user_id and s.revoked_at is null and s.id is distinct from p_kept_session_id;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.change_password(uuid, text, text, uuid) is
  'Replaces the hash of a password, if it is still the old one, and ends the user''s sessions but one; returns how many. Crosses tenants: a user is one person in all of them.';
grant execute on function private.change_password(uuid, text, text, uuid) to rowhouse_identity;
revoke all on function private.change_password(uuid, text, text, uuid) from public;
set local role rowhouse_owner;
