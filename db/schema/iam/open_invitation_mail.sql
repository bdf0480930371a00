set local role rowhouse_definer;
create or replace function private.open_invitation_mail(p_tenant_id uuid, p_invitation_id uuid, p_token_hash text) returns jsonb
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_facts jsonb;
begin
  select jsonb_build_object('tenantName', t.name, 'role', i.role, 'expiresAt', i.expires_at, 'inviter', a.label) into v_facts
  from iam.invitations i
  join iam.tenants t on t.id = i.tenant_id and t.deleted_at is null and t.status = 'active'
  left join iam.actors a on a.tenant_id = i.tenant_id and a.id = i.created_by
  where i.tenant_id = p_tenant_id and i.id = p_invitation_id
    and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
  for update of i;
  if v_facts is not null then
    -- The latest mail's link is the one that works.
    insert into private.invitation_tokens as k (tenant_id, invitation_id, token_hash) values (p_tenant_id, p_invitation_id, p_token_hash)
    on conflict (tenant_id, invitation_id) do update set token_hash = excluded.token_hash, created_at = now();
  end if;
  return v_facts;
end
$$;
comment on function private.open_invitation_mail(uuid, uuid, text) is
  'What the mail of an open invitation says, and makes the token with this hash the one that accepts it. Crosses tenants: see open_mail.';
revoke all on function private.open_invitation_mail(uuid, uuid, text) from public;
set local role rowhouse_owner;
