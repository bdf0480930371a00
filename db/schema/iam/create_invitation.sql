create or replace function iam.create_invitation(email text, role iam.membership_role default 'member') returns iam.invitations
language plpgsql security definer set search_path to pg_catalog as $$
#variable_conflict use_column
declare
  v_email text := lower(btrim(create_invitation.email));
  v_role text := coalesce(create_invitation.role, 'member');
  v_invitation iam.invitations;
begin
  perform app.require_scope('iam:write');
  perform private.check_role_within(v_role, 'role');
  if length(v_email) > 254 or v_email !~ '^[^\s@<>,;:"()\\]+@[^\s@<>,;:"()\\]+$' then
    perform app.raise('VALIDATION_FAILED', 'This is not an e-mail address such as ada@example.com.', 'email');
  end if;
  if exists (select from iam.memberships m join iam.users u on u.id = m.user_id
             where m.tenant_id = app.tenant_id() and m.deleted_at is null and u.email = v_email and u.deleted_at is null) then
    perform app.raise('CONFLICT', format('%s is a member already. Change the role of the membership instead.', v_email), 'email');
  end if;
  -- One that has expired makes room for a new one.
  update iam.invitations i set revoked_at = clock_timestamp(), revoked_by = app.actor_id()
  where i.tenant_id = app.tenant_id() and i.email = v_email and i.accepted_at is null and i.revoked_at is null and i.expires_at <= now();
  if (select count(*) from iam.invitations i
      where i.tenant_id = app.tenant_id() and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()) >= 1000 then
    perform app.raise('LIMIT_EXCEEDED', 'A tenant has at most 1000 open invitations. Revoke some, or wait until they are accepted.');
  end if;
  insert into iam.invitations (tenant_id, email, role) values (app.tenant_id(), v_email, v_role)
  on conflict (tenant_id, email) where accepted_at is null and revoked_at is null do nothing
  returning * into v_invitation;
  if v_invitation.id is null then
    perform app.raise('CONFLICT', format('%s has an open invitation already. Send it again with resendInvitation, or revoke it first.', v_email), 'email');
  end if;
  perform private.queue_mail('invitation', v_email, v_invitation.tenant_id, v_invitation.id);
  return v_invitation;
end
$$;
comment on function iam.create_invitation(text, iam.membership_role) is
  'Invites the owner of an e-mail address to this tenant, for seven days; the mail has the link. Nobody invites above their own role.';
grant execute on function iam.create_invitation(text, iam.membership_role) to rowhouse_admin;
