-- The tokens in the links of password resets are nowhere, only their hashes.
create table if not exists private.password_reset_tokens (
  token_hash text primary key constraint password_reset_tokens_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  user_id uuid not null constraint password_reset_tokens_user_id_fkey references iam.users (id) on delete cascade,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
comment on table private.password_reset_tokens is 'SHA-256 of the token in each password reset''s link. All of a user go when one is used.';
create index if not exists password_reset_tokens_user_id_idx on private.password_reset_tokens (user_id);
create index if not exists password_reset_tokens_expires_at_idx on private.password_reset_tokens (expires_at);
select ddl.private_table('private.password_reset_tokens');
grant select, insert, delete on private.password_reset_tokens to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.open_reset_mail(p_address text, p_token_hash text) returns jsonb
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_user iam.users;
begin
  select u.* into v_user from iam.users u join private.user_credentials c on c.user_id = u.id
  where u.email = p_address and u.deleted_at is null;
  if not found then
    return null;
  end if;
  delete from private.password_reset_tokens t where t.expires_at <= now();
  insert into private.password_reset_tokens (token_hash, user_id, expires_at) values (p_token_hash, v_user.id, now() + interval '1 hour');
  return jsonb_build_object('name', v_user.name, 'expiresAt', now() + interval '1 hour');
end
$$;
comment on function private.open_reset_mail(text, text) is
  'What the mail of a password reset says, and makes the token with this hash good for an hour; null when nobody has the address. Crosses tenants: see open_mail.';
revoke all on function private.open_reset_mail(text, text) from public;

create or replace function private.reset_password(p_token_hash text, p_password_hash text) returns boolean
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_user iam.users;
begin
  -- The lock makes two who hold the same token take turns: the second finds none.
  select u.* into v_user from private.password_reset_tokens t join iam.users u on u.id = t.user_id and u.deleted_at is null
  where t.token_hash = p_token_hash and t.expires_at > now() for update of u;
  if not found then
    return false;
  end if;
  delete from private.password_reset_tokens t where t.token_hash = p_token_hash;
  if not found then
    return false;
  end if;
  delete from private.password_reset_tokens t where t.user_id = v_user.id;
  update private.user_credentials c set password_hash = p_password_hash where c.user_id = v_user.id;
  update iam.sessions s set revoked_at = clock_timestamp(), revoked_reason = 'password_changed'
  where s.user_id = v_user.id and s.revoked_at is null;
  perform private.forget_login_failures('account:' || v_user.email);
  return true;
end
$$;
comment on function private.reset_password(text, text) is
  'Sets a new password for who holds the token of a reset, and ends all sessions of that user; false when the token is not good (any more). Crosses tenants: a user is one person in all of them.';
grant execute on function private.reset_password(text, text) to rowhouse_identity;
revoke all on function private.reset_password(text, text) from public;
set local role rowhouse_owner;
