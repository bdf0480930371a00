create or replace function private.settle_quotas(
  p_holder uuid, p_subjects text[], p_spent float8[], p_held integer[], p_hold_seconds float8, p_tidies boolean
) returns table (subject text, minute_ms float8, previous float8, present float8, held_elsewhere integer)
language plpgsql security definer set search_path to pg_catalog as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_minute bigint := floor(extract(epoch from v_now) / 60);
begin
  -- In the order of the subjects, so that processes that settle at once wait for each other in a line.
  insert into private.quota_counts as c (subject, minute, amount)
  select u.subject, v_minute, u.spent from unnest(p_subjects, p_spent) as u(subject, spent) where u.spent > 0 order by u.subject
  on conflict (subject, minute) do update set amount = c.amount + excluded.amount;
  insert into private.quota_holds as h (subject, holder, held, expires_at)
  select u.subject, p_holder, u.held, v_now + make_interval(secs => p_hold_seconds)
  from unnest(p_subjects, p_held) as u(subject, held) where u.held is not null order by u.subject
  on conflict (subject, holder) do update set held = excluded.held, expires_at = excluded.expires_at;
  if p_tidies then
    delete from private.quota_counts c where c.minute < v_minute - 1;
    delete from private.quota_holds h where (h.subject, h.holder) in
      (select o.subject, o.holder from private.quota_holds o where o.expires_at < v_now for update skip locked);
  end if;
  return query
  select u.subject, extract(epoch from v_now)::float8 * 1000 - v_minute * 60000.0::float8,
    coalesce((select c.amount from private.quota_counts c where c.subject = u.subject and c.minute = v_minute - 1), 0),
    coalesce((select c.amount from private.quota_counts c where c.subject = u.subject and c.minute = v_minute), 0),
    coalesce((select sum(h.held)::integer from private.quota_holds h
      where h.subject = u.subject and h.holder <> p_holder and h.expires_at > v_now), 0)
  from unnest(p_subjects) as u(subject);
end
$$;
comment on function private.settle_quotas(uuid, text[], float8[], integer[], float8, boolean) is
  'Adds what one server process has spent and holds of these subjects, and returns what all processes have: how a minute began, the last minute, this one.';
grant execute on function private.settle_quotas(uuid, text[], float8[], integer[], float8, boolean) to rowhouse_identity;
revoke all on function private.settle_quotas(uuid, text[], float8[], integer[], float8, boolean) from public;
