-- Who registered a tenant and has not confirmed the address yet.
create table if not exists private.registrations (
  id uuid primary key default uuidv7(),
  email text not null constraint registrations_email_check check (email = lower(email) and length(email) <= 320),
  user_name text not null,
  tenant_name text not null,
  tenant_slug text not null,
  password_hash text not null constraint registrations_password_hash_check check (password_hash like '$argon2id$%'),
  token_hash text constraint registrations_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz not null default now() + interval '1 day',
  created_at timestamptz not null default now()
);
comment on table private.registrations is
  'Registrations that wait for the address to be confirmed. token_hash: SHA-256 of the token in the mail, once that was written. A row goes when it is confirmed or has expired.';
create unique index if not exists registrations_token_hash_key on private.registrations (token_hash);
create index if not exists registrations_expires_at_idx on private.registrations (expires_at);
select ddl.private_table('private.registrations');
grant select, insert, update, delete on private.registrations to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.begin_registration(
  p_email text, p_user_name text, p_tenant_name text, p_tenant_slug text, p_password_hash text
) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_id uuid;
begin
  delete from private.registrations where expires_at <= now();
  if exists (select from iam.tenants t where t.slug = p_tenant_slug and t.deleted_at is null) then
    perform app.raise('CONFLICT', format('There is a tenant %s already. Choose another short name.', p_tenant_slug), 'tenantSlug');
  end if;
  insert into private.registrations (email, user_name, tenant_name, tenant_slug, password_hash)
  values (p_email, p_user_name, p_tenant_name, p_tenant_slug, p_password_hash) returning id into v_id;
  perform private.queue_mail('registration', p_email, null, v_id);
end
$$;
comment on function private.begin_registration(text, text, text, text, text) is
  'Keeps a registration until its address is confirmed, and has the mail sent. It does not look whether somebody has the address. Crosses tenants: there is none yet.';
grant execute on function private.begin_registration(text, text, text, text, text) to rowhouse_identity;
revoke all on function private.begin_registration(text, text, text, text, text) from public;

create or replace function private.open_registration_mail(p_id uuid, p_token_hash text) returns jsonb
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_registration private.registrations;
begin
  update private.registrations r set token_hash = p_token_hash where r.id = p_id and r.expires_at > now()
    and not exists (select from iam.users u where u.email = r.email and u.deleted_at is null)
  returning * into v_registration;
  if found then
    return jsonb_build_object('tenantName', v_registration.tenant_name, 'expiresAt', v_registration.expires_at);
  end if;
  delete from private.registrations r where r.id = p_id returning * into v_registration;
  return case when found then jsonb_build_object('tenantName', v_registration.tenant_name, 'isTaken', true) end;
end
$$;
comment on function private.open_registration_mail(uuid, text) is
  'What the mail of a registration says: the token with this hash confirms it, or somebody has the address already and is told so. Crosses tenants: see open_mail.';
revoke all on function private.open_registration_mail(uuid, text) from public;
set local role rowhouse_owner;
