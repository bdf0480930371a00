create or replace function private.feed_horizon(p_tenant_id uuid, out horizon bigint, out last_position bigint, out first_position bigint)
language plpgsql volatile security definer set search_path to pg_catalog as $$
declare
  v_locks bigint[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform app.raise('INVALID_STATE', format('The feed cannot be read in a transaction that is %s: it must see what commits meanwhile. Read it as read committed.',
      current_setting('transaction_isolation')));
  end if;
  -- In this order: what was given, who may not have committed yet, and, in a later snapshot, the events.
  horizon := coalesce(pg_sequence_last_value('events.positions'::regclass), 0);
  select array_agg(l.objid::bigint) into v_locks
  from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 2 and l.classid = (private.feed_lock_class(p_tenant_id)::bigint & 4294967295)::oid
    and l.database = (select d.oid from pg_database d where d.datname = current_database());
  last_position := coalesce(pg_sequence_last_value('events.positions'::regclass), 0);
  -- A lock has the lower half of a position that is not above the last one, and not four billion below it.
  horizon := least(horizon, (select min(last_position - ((last_position - k) & 4294967295)) from unnest(v_locks) k));
  select coalesce(max(m.last_position), 0) into first_position from private.feed_months m where m.is_dropped;
end
$$;
comment on function private.feed_horizon(uuid) is
  'Up to which position the feed of a tenant is complete: no event that commits later will stand there. Besides, the last position given, and that below which nothing is kept.';
