set local role rowhouse_definer;
create or replace function private.guard_membership() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_was_owner boolean := old.role = 'owner' and old.deleted_at is null;
begin
  -- Set-up commands have no claims.
  if nullif(current_setting('jwt.claims.role', true), '') is not null then
    perform private.check_role_within(old.role, 'id');
    perform private.check_role_within(new.role, 'role');
  end if;
  if v_was_owner and (new.role <> 'owner' or new.deleted_at is not null) then
    -- Two owners who remove each other at once take turns.
    perform pg_advisory_xact_lock(hashtextextended('owners of ' || old.tenant_id, 0));
    if not exists (select from iam.memberships m join iam.users u on u.id = m.user_id and u.deleted_at is null
                   where m.tenant_id = old.tenant_id and m.id <> old.id and m.role = 'owner' and m.deleted_at is null) then
      perform app.raise('INVALID_STATE', 'This is the last owner of the tenant. Make somebody else an owner first.', 'role');
    end if;
  end if;
  return new;
end
$$;
comment on function private.guard_membership() is
  'Nobody changes a membership above their own role or raises one above it, and the last owner stays. Crosses tenants: set-up commands have no claims.';
grant execute on function private.guard_membership() to rowhouse_owner;
revoke all on function private.guard_membership() from public;

create or replace function private.end_membership() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'membership_ended'
  where s.tenant_id = old.tenant_id and s.user_id = old.user_id and s.revoked_at is null;
  -- What the former member has promised to others goes, too.
  update iam.invitations i set revoked_at = clock_timestamp(), revoked_by = app.actor_id()
  from iam.actors a
  where a.tenant_id = old.tenant_id and a.membership_id = old.id and i.tenant_id = old.tenant_id and i.created_by = a.id
    and i.accepted_at is null and i.revoked_at is null;
  return null;
end
$$;
comment on function private.end_membership() is
  'Ends the sessions of somebody who no longer belongs to the tenant, and takes back the invitations they made. Crosses tenants: set-up commands have no claims.';
grant execute on function private.end_membership() to rowhouse_owner;
revoke all on function private.end_membership() from public;
set local role rowhouse_owner;
