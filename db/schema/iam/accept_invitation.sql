set local role rowhouse_definer;
create or replace function private.find_invitation(p_token_hash text) returns table (
  tenant_id uuid, tenant_slug text, invitation_id uuid, email text, state text, user_id uuid
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.id, t.slug, i.id, i.email,
    case when i.accepted_at is not null then 'accepted' when i.revoked_at is not null then 'revoked' when i.expires_at <= now() then 'expired'
      when t.status <> 'active' then t.status else 'open' end,
    u.id
  from private.invitation_tokens k
  join iam.invitations i on i.tenant_id = k.tenant_id and i.id = k.invitation_id
  join iam.tenants t on t.id = i.tenant_id and t.deleted_at is null
  left join iam.users u on u.email = i.email and u.deleted_at is null
  where k.token_hash = p_token_hash;
end;
comment on function private.find_invitation(text) is
  'The invitation that a token accepts, and the user who has its address, if anybody. Crosses tenants: the token alone tells the tenant.';
grant execute on function private.find_invitation(text) to rowhouse_identity;
revoke all on function private.find_invitation(text) from public;

create or replace function private.accept_invitation(p_token_hash text, p_user_id uuid, p_name text, p_password_hash text) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
  v_user iam.users;
  v_membership_id uuid;
  v_actor_id uuid;
begin
  select i.* into v_invitation from private.invitation_tokens k
  join iam.invitations i on i.tenant_id = k.tenant_id and i.id = k.invitation_id
  where k.token_hash = p_token_hash and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
  for update of i;
  if not found then
    return null;
  end if;
  if p_user_id is null then
    -- Nobody had the address a moment ago; the unique index decides when somebody has it now.
    insert into iam.users (email, name) values (v_invitation.email, p_name) returning * into v_user;
    insert into private.user_credentials (user_id, password_hash) values (v_user.id, p_password_hash);
  else
    select * into v_user from iam.users u where u.id = p_user_id and u.email = v_invitation.email and u.deleted_at is null;
    if not found then
      return null;
    end if;
  end if;
  insert into iam.memberships (tenant_id, user_id, role) values (v_invitation.tenant_id, v_user.id, v_invitation.role)
  on conflict (tenant_id, user_id) where deleted_at is null do nothing
  returning id into v_membership_id;
  if v_membership_id is not null then
    insert into iam.actors (tenant_id, kind, membership_id, label) values (v_invitation.tenant_id, 'user', v_membership_id, v_user.name)
    returning id into v_actor_id;
  end if;
  update iam.invitations i set accepted_at = clock_timestamp(), accepted_by = v_actor_id
  where i.tenant_id = v_invitation.tenant_id and i.id = v_invitation.id;
  delete from private.invitation_tokens k where k.token_hash = p_token_hash;
  return v_user.id;
end
$$;
comment on function private.accept_invitation(text, uuid, text, text) is
  'Makes the user who was invited, or a new one with this name and password, a member of the tenant; returns the user, or null when the invitation is not open any more. Crosses tenants: the token alone tells the tenant.';
grant execute on function private.accept_invitation(text, uuid, text, text) to rowhouse_identity;
revoke all on function private.accept_invitation(text, uuid, text, text) from public;
set local role rowhouse_owner;
