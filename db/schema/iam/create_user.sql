set local role rowhouse_definer;
create or replace function private.create_user(
  p_tenant_id uuid, p_email text, p_name text, p_role text, p_password_hash text
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_user_id uuid;
  v_membership_id uuid;
begin
  select id into v_user_id from iam.users where email = lower(p_email) and deleted_at is null;
  if v_user_id is null then
    insert into iam.users (email, name) values (lower(p_email), p_name) returning id into v_user_id;
    insert into private.user_credentials (user_id, password_hash) values (v_user_id, p_password_hash);
  end if;
  insert into iam.memberships (tenant_id, user_id, role) values (p_tenant_id, v_user_id, p_role) returning id into v_membership_id;
  insert into iam.actors (tenant_id, kind, membership_id, label) values (p_tenant_id, 'user', v_membership_id, p_name);
  return v_user_id;
end
$$;
comment on function private.create_user(uuid, text, text, text, text) is
  'A user (or the existing one with this address), their membership and their actor. For set-up commands: no API role may call it.';
revoke all on function private.create_user(uuid, text, text, text, text) from public;
set local role rowhouse_owner;
