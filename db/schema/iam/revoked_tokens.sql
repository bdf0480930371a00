-- Access tokens that were taken back before they expire and that belong to no session.
create table if not exists private.revoked_tokens (
  token_id uuid primary key,
  expires_at timestamptz not null,
  revoked_at timestamptz not null default clock_timestamp()
);
comment on table private.revoked_tokens is 'Ids (the claim jti) of access tokens that are refused; a row can go when its token has expired.';
create index if not exists revoked_tokens_revoked_at_idx on private.revoked_tokens (revoked_at);
select ddl.private_table('private.revoked_tokens');
grant select, insert, delete on private.revoked_tokens to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.revoke_token(p_token_id uuid, p_expires_at timestamptz) returns void
language plpgsql security definer set search_path to pg_catalog as $$
begin
  delete from private.revoked_tokens where expires_at < now();
  insert into private.revoked_tokens (token_id, expires_at) values (p_token_id, p_expires_at) on conflict (token_id) do nothing;
end
$$;
comment on function private.revoke_token(uuid, timestamptz) is 'Refuses an access token from now on; forgets those that have expired. A token may belong to no tenant.';
grant execute on function private.revoke_token(uuid, timestamptz) to rowhouse_identity;
revoke all on function private.revoke_token(uuid, timestamptz) from public;

create or replace function private.revocations(p_since timestamptz) returns table (id uuid, revoked_at timestamptz)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select s.id, s.revoked_at from iam.sessions s where s.revoked_at >= p_since
  union all
  select t.token_id, t.revoked_at from private.revoked_tokens t where t.revoked_at >= p_since;
end;
comment on function private.revocations(timestamptz) is
  'Sessions that were ended and tokens that were taken back since a time. Crosses tenants: every server process serves all of them.';
grant execute on function private.revocations(timestamptz) to rowhouse_identity;
revoke all on function private.revocations(timestamptz) from public;
set local role rowhouse_owner;
