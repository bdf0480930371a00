create or replace function private.open_invitation(p_invitation_id uuid) returns iam.invitations
language plpgsql set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
begin
  select * into v_invitation from iam.invitations i where i.tenant_id = app.tenant_id() and i.id = p_invitation_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no invitation %s.', p_invitation_id), 'invitationId');
  end if;
  if v_invitation.accepted_at is not null then
    perform app.raise('INVALID_STATE', format('The invitation of %s was accepted already. Change the membership instead.', v_invitation.email), 'invitationId');
  end if;
  perform private.check_role_within(v_invitation.role, 'invitationId');
  return v_invitation;
end
$$;
comment on function private.open_invitation(uuid) is 'An invitation of this tenant, locked, that was not accepted and whose role is not above the one of this session.';
revoke all on function private.open_invitation(uuid) from public;

create or replace function iam.resend_invitation(invitation_id uuid) returns iam.invitations
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
begin
  perform app.require_scope('iam:write');
  v_invitation := private.open_invitation(resend_invitation.invitation_id);
  if v_invitation.revoked_at is not null then
    perform app.raise('INVALID_STATE', format('The invitation of %s was revoked. Make a new one.', v_invitation.email), 'invitationId');
  end if;
  if v_invitation.updated_at > v_invitation.created_at and v_invitation.updated_at > now() - interval '1 minute' then
    perform app.raise('LIMIT_EXCEEDED', 'An invitation is sent again once a minute at most. Wait a little.', 'invitationId');
  end if;
  update iam.invitations i set expires_at = now() + interval '7 days'
  where i.tenant_id = v_invitation.tenant_id and i.id = v_invitation.id returning * into v_invitation;
  perform private.queue_mail('invitation', v_invitation.email, v_invitation.tenant_id, v_invitation.id);
  return v_invitation;
end
$$;
comment on function iam.resend_invitation(uuid) is
  'Sends an open or expired invitation again, for another seven days; the links of earlier mails stop working.';
grant execute on function iam.resend_invitation(uuid) to rowhouse_admin;

create or replace function iam.revoke_invitation(invitation_id uuid) returns iam.invitations
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_invitation iam.invitations;
begin
  perform app.require_scope('iam:write');
  v_invitation := private.open_invitation(revoke_invitation.invitation_id);
  if v_invitation.revoked_at is null then
    update iam.invitations i set revoked_at = clock_timestamp(), revoked_by = app.actor_id()
    where i.tenant_id = v_invitation.tenant_id and i.id = v_invitation.id returning * into v_invitation;
    delete from private.invitation_tokens k where k.tenant_id = v_invitation.tenant_id and k.invitation_id = v_invitation.id;
  end if;
  return v_invitation;
end
$$;
comment on function iam.revoke_invitation(uuid) is 'Takes an invitation back: its link stops working at once. One that was revoked stays as it is.';
grant execute on function iam.revoke_invitation(uuid) to rowhouse_admin;
