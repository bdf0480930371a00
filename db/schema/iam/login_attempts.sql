-- How often somebody failed to log in: to an account (whether it exists or not), or from an address.
create table if not exists private.login_attempts (
  subject text primary key,
  failure_count integer not null,
  last_failed_at timestamptz not null,
  locked_until timestamptz not null
);
comment on table private.login_attempts is
  'Failed logins by subject: account:<e-mail address> or address:<IP address>. Counting starts anew after a day without failures.';
create index if not exists login_attempts_last_failed_at_idx on private.login_attempts (last_failed_at);
select ddl.private_table('private.login_attempts');
grant select, insert, update, delete on private.login_attempts to rowhouse_definer;

set local role rowhouse_definer;
create or replace function private.login_locked_until(p_subjects text[]) returns timestamptz
language sql stable security definer set search_path to pg_catalog
begin atomic
  select max(locked_until) from private.login_attempts where subject = any (p_subjects) and locked_until > now();
end;
comment on function private.login_locked_until(text[]) is 'Until when none of these may try to log in, or null. Nobody is signed in yet.';
grant execute on function private.login_locked_until(text[]) to rowhouse_identity;
revoke all on function private.login_locked_until(text[]) from public;

create or replace function private.note_login_failure(p_subject text, p_free_failures integer) returns timestamptz
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_until timestamptz;
begin
  delete from private.login_attempts where last_failed_at < now() - interval '1 day';
  insert into private.login_attempts as a (subject, failure_count, last_failed_at, locked_until) values (p_subject, 1, now(), now())
  on conflict (subject) do update set
    failure_count = a.failure_count + 1,
    last_failed_at = now(),
    -- Free failures first, then 1, 2, 4, … seconds, up to a quarter of an hour.
    locked_until = now() + make_interval(secs => case when a.failure_count < p_free_failures then 0
      else least(900, power(2, least(a.failure_count - p_free_failures, 20))) end)
  returning locked_until into v_until;
  return v_until;
end
$$;
comment on function private.note_login_failure(text, integer) is
  'Counts a failed login of a subject, and returns until when it is locked: ever longer once its free failures are used up.';
grant execute on function private.note_login_failure(text, integer) to rowhouse_identity;
revoke all on function private.note_login_failure(text, integer) from public;

create or replace function private.forget_login_failures(p_subject text) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.login_attempts where subject = p_subject;
end;
comment on function private.forget_login_failures(text) is 'Starts counting anew, after a login that succeeded.';
grant execute on function private.forget_login_failures(text) to rowhouse_identity;
revoke all on function private.forget_login_failures(text) from public;
set local role rowhouse_owner;
