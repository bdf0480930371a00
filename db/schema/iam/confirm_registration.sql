set local role rowhouse_definer;
create or replace function private.find_registration(p_token_hash text) returns table (email text, tenant_slug text, password_hash text)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select r.email, r.tenant_slug, r.password_hash from private.registrations r where r.token_hash = p_token_hash and r.expires_at > now();
end;
comment on function private.find_registration(text) is 'The registration that a token confirms. Crosses tenants: there is none yet.';
grant execute on function private.find_registration(text) to rowhouse_identity;
revoke all on function private.find_registration(text) from public;

create or replace function private.confirm_registration(p_token_hash text) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_registration private.registrations;
begin
  delete from private.registrations r where r.token_hash = p_token_hash and r.expires_at > now() returning * into v_registration;
  if not found then
    return null;
  end if;
  if exists (select from iam.users u where u.email = v_registration.email and u.deleted_at is null) then
    perform app.raise('CONFLICT', 'There is an account with this address by now. Log in with it.');
  end if;
  if exists (select from iam.tenants t where t.slug = v_registration.tenant_slug and t.deleted_at is null) then
    perform app.raise('CONFLICT', format('Somebody else took the short name %s meanwhile. Register again with another.', v_registration.tenant_slug), 'tenantSlug');
  end if;
  return private.create_user(private.create_tenant(v_registration.tenant_name, v_registration.tenant_slug),
    v_registration.email, v_registration.user_name, 'owner', v_registration.password_hash);
end
$$;
comment on function private.confirm_registration(text) is
  'Makes the tenant of a registration and its owner; returns the owner, or null when the token is not good (any more). Crosses tenants: there is none yet.';
grant execute on function private.confirm_registration(text) to rowhouse_identity;
revoke all on function private.confirm_registration(text) from public;
set local role rowhouse_owner;
