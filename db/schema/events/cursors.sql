-- A cursor is opaque to clients: a position with a check, so that a mistake is noticed.
create or replace function events.cursor_of(p_position bigint) returns text
language sql immutable strict parallel safe set search_path to pg_catalog
return 'at_' || to_hex(p_position) || left(md5('feed ' || p_position), 6);
comment on function events.cursor_of(bigint) is E'@behavior -*\nThe cursor of a position of the feed.';

create or replace function events.position_of(p_cursor text) returns bigint
language plpgsql immutable strict set search_path to pg_catalog as $$
declare
  v_hex text := substring(p_cursor from '^at_([0-9a-f]{1,15})[0-9a-f]{6}$');
  v_position bigint := ('x' || lpad(v_hex, 16, '0'))::bit(64)::bigint;
begin
  if v_position is null or events.cursor_of(v_position) <> p_cursor then
    perform app.raise('VALIDATION_FAILED', 'This is no cursor of the feed. Use one that an event, a page of events or feedHead gave, unchanged.', 'after');
  end if;
  return v_position;
end
$$;
comment on function events.position_of(text) is E'@behavior -*\nThe position of a cursor; refuses what is none.';

create or replace function events.events_cursor(p_event events.events) returns text
language sql immutable parallel safe set search_path to pg_catalog
return events.cursor_of(p_event.position);
comment on function events.events_cursor(events.events) is 'Its place in the feed: reading after it goes on with the next event.';

create or replace function events.feed_bounds(out horizon bigint, out last_position bigint, out first_position bigint)
language plpgsql volatile security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('events:read');
  select b.horizon, b.last_position, b.first_position into horizon, last_position, first_position from private.feed_horizon(app.tenant_id()) b;
end
$$;
comment on function events.feed_bounds() is
  E'@behavior -*\nUp to which position the feed of this tenant is complete now, the last position given, and that below which nothing is kept.';

create or replace function events.feed_head() returns text
language plpgsql volatile set search_path to pg_catalog as $$
begin
  return events.cursor_of((events.feed_bounds()).horizon);
end
$$;
comment on function events.feed_head() is
  E'@behavior -*\nThe cursor of everything that is complete now: whatever is read afterwards has it all, and the events after it are what comes next.';
grant execute on function events.cursor_of(bigint), events.position_of(text), events.events_cursor(events.events), events.feed_bounds(), events.feed_head()
  to rowhouse_viewer, rowhouse_system;
