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
-- An attempt counts as a failure before anything is looked at, so that a burst of guesses at once is no way around the wait.
create or replace function private.begin_login_attempt(p_subjects text[], p_free_failures integer[]) returns timestamptz
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_until timestamptz;
  v_subject text;
  v_free integer;
begin
  delete from private.login_attempts where last_failed_at < now() - interval '1 day';
  -- In the order of their names, so that two attempts do not wait for each other in a circle.
  for v_subject in select s from unnest(p_subjects) s order by s loop
    insert into private.login_attempts as a (subject, failure_count, last_failed_at, locked_until) values (v_subject, 0, now(), now())
    on conflict (subject) do update set subject = excluded.subject;
  end loop;
  select max(locked_until) into v_until from private.login_attempts where subject = any (p_subjects) and locked_until > clock_timestamp();
  if v_until is not null then
    return v_until;
  end if;
  for v_subject, v_free in select * from unnest(p_subjects, p_free_failures) loop
    update private.login_attempts a
    set failure_count = a.failure_count + 1,
      last_failed_at = clock_timestamp(),
      -- Free failures first, then 1, 2, 4, … seconds, up to a quarter of an hour.
      locked_until = clock_timestamp() + make_interval(secs => case when a.failure_count < v_free then 0
        else least(900, power(2, least(a.failure_count - v_free, 20))) end)
    where a.subject = v_subject;
  end loop;
  return null;
end
$$;
comment on function private.begin_login_attempt(text[], integer[]) is
  'Counts an attempt of each of these as failed, or returns until when one of them is locked: ever longer once its free failures are used up. Nobody is signed in yet.';
grant execute on function private.begin_login_attempt(text[], integer[]) to rowhouse_identity;
revoke all on function private.begin_login_attempt(text[], integer[]) from public;

create or replace function private.take_back_login_attempt(p_subjects text[], p_free_failures integer[]) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update private.login_attempts a
  set failure_count = greatest(a.failure_count - 1, 0),
    locked_until = case when a.failure_count - 1 <= s.free then clock_timestamp() else a.locked_until end
  from unnest(p_subjects, p_free_failures) s (subject, free) where a.subject = s.subject;
end;
comment on function private.take_back_login_attempt(text[], integer[]) is 'An attempt was no failure after all: it counts no longer.';
grant execute on function private.take_back_login_attempt(text[], integer[]) to rowhouse_identity;
revoke all on function private.take_back_login_attempt(text[], integer[]) from public;

create or replace function private.forget_login_failures(p_subject text) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  delete from private.login_attempts where subject = p_subject;
end;
comment on function private.forget_login_failures(text) is 'Starts counting anew, after a login that succeeded.';
grant execute on function private.forget_login_failures(text) to rowhouse_identity;
revoke all on function private.forget_login_failures(text) from public;
set local role rowhouse_owner;
