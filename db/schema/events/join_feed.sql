-- A transaction joins a tenant's feed with its first event: under a shared lock it holds the last position given so far, and
-- only then draws its own. A reader who sees the lock stops there; one who does not comes before the positions were drawn.
create or replace function private.feed_lock_class(p_tenant_id uuid) returns integer
language sql immutable set search_path to pg_catalog
return hashtextextended('events.feed ' || p_tenant_id, 0) >> 32;
comment on function private.feed_lock_class(uuid) is 'First key of the locks of a tenant''s feed. Two tenants may share one: then they wait for each other''s transactions, no more.';

create or replace function private.feed_lock_key(p_position bigint) returns integer
language sql immutable set search_path to pg_catalog
return ('x' || lpad(to_hex(p_position & 4294967295), 8, '0'))::bit(32)::integer;
comment on function private.feed_lock_key(bigint) is 'Second key of a lock of the feed: the lower half of a position.';

create or replace function private.join_feed() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform pg_advisory_xact_lock_shared(private.feed_lock_class(new.tenant_id),
    private.feed_lock_key(coalesce(pg_sequence_last_value('events.positions'::regclass), 0)));
  -- Goes with the lock when a savepoint is rolled back.
  perform set_config('rowhouse.feed', concat(current_setting('rowhouse.feed', true), ' ', new.tenant_id), true);
  perform pg_notify('rowhouse_events', new.tenant_id::text);
  -- The one that stands there was drawn before the lock was held.
  new.position := nextval('events.positions');
  return new;
end
$$;
comment on function private.join_feed() is 'Takes part in the feed of a tenant before the first event of a transaction, and wakes its readers when it commits.';
select ddl.trigger('events.events', '_100_join_feed', $$before insert for each row
  when (strpos(coalesce(current_setting('rowhouse.feed', true), ''), new.tenant_id::text) = 0) execute function private.join_feed()$$);
