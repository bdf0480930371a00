-- The second factor of users who chose to have one.
create table if not exists private.user_totp (
  user_id uuid primary key constraint user_totp_user_id_fkey references iam.users (id) on delete cascade,
  sealed_secret bytea not null,
  confirmed_at timestamptz,
  last_step bigint not null default 0,
  created_at timestamptz not null default now()
);
comment on table private.user_totp is
  'Secrets of TOTP, encrypted by the server. Not asked for before confirmed_at. last_step: the time step of the last code that was taken; none up to it is taken again.';
select ddl.private_table('private.user_totp');
grant select, insert, update, delete on private.user_totp to rowhouse_definer;

create table if not exists private.recovery_codes (
  user_id uuid not null constraint recovery_codes_user_id_fkey references private.user_totp (user_id) on delete cascade,
  code_hash text not null constraint recovery_codes_code_hash_check check (code_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  constraint recovery_codes_pkey primary key (user_id, code_hash)
);
comment on table private.recovery_codes is 'SHA-256 of each recovery code that was not used yet; a code is long and random.';
select ddl.private_table('private.recovery_codes');
grant select, insert, delete on private.recovery_codes to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.find_totp(p_user_id uuid) returns table (sealed_secret bytea, is_confirmed boolean)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select t.sealed_secret, t.confirmed_at is not null from private.user_totp t where t.user_id = p_user_id;
end;
comment on function private.find_totp(uuid) is 'The second factor of a user. Crosses tenants: a user is one person in all of them.';

create or replace function private.begin_totp(p_user_id uuid, p_sealed_secret bytea) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  insert into private.user_totp as t (user_id, sealed_secret) values (p_user_id, p_sealed_secret)
  on conflict (user_id) do update set sealed_secret = excluded.sealed_secret, created_at = now() where t.confirmed_at is null;
  return found;
end
$$;
comment on function private.begin_totp(uuid, bytea) is
  'Keeps the secret of a second factor that is to be confirmed; false when there is one already. Crosses tenants: see find_totp.';

create or replace function private.use_totp_step(p_user_id uuid, p_step bigint) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update private.user_totp t set last_step = p_step where t.user_id = p_user_id and t.last_step < p_step;
  return found;
end
$$;
comment on function private.use_totp_step(uuid, bigint) is 'Takes the code of a time step; false when that or a later one was taken before. Crosses tenants: see find_totp.';

create or replace function private.use_recovery_code(p_user_id uuid, p_code_hash text) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  delete from private.recovery_codes c where c.user_id = p_user_id and c.code_hash = p_code_hash;
  return found;
end
$$;
comment on function private.use_recovery_code(uuid, text) is 'Takes a recovery code; false when there is none such, or no more. Crosses tenants: see find_totp.';

create or replace function private.confirm_totp(p_user_id uuid, p_code_hashes text[]) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update private.user_totp t set confirmed_at = now() where t.user_id = p_user_id and t.confirmed_at is null;
  if not found then
    return false;
  end if;
  insert into private.recovery_codes (user_id, code_hash) select p_user_id, h from unnest(p_code_hashes) h;
  return true;
end
$$;
comment on function private.confirm_totp(uuid, text[]) is 'Asks for the second factor from now on, with these recovery codes; false when it was confirmed before. Crosses tenants: see find_totp.';

create or replace function private.drop_totp(p_user_id uuid) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.user_totp where user_id = p_user_id;
end;
comment on function private.drop_totp(uuid) is 'Asks for no second factor any more. Crosses tenants: see find_totp.';

grant execute on function private.find_totp(uuid), private.begin_totp(uuid, bytea), private.use_totp_step(uuid, bigint),
  private.use_recovery_code(uuid, text), private.confirm_totp(uuid, text[]), private.drop_totp(uuid) to rowhouse_identity;
revoke all on function private.find_totp(uuid), private.begin_totp(uuid, bytea), private.use_totp_step(uuid, bigint),
  private.use_recovery_code(uuid, text), private.confirm_totp(uuid, text[]), private.drop_totp(uuid) from public;
set local role rowhouse_owner;
