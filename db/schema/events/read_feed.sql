create or replace function events.read_feed(p_after text default null, p_types text[] default '{}', p_subjects uuid[] default '{}', p_first integer default 100)
returns setof events.events
language plpgsql volatile rows 100 set search_path to pg_catalog as $$
begin
  return query select * from unnest((events.feed_page(p_after, p_types, p_subjects, p_first)).nodes);
end
$$;
comment on function events.read_feed(text, text[], uuid[], integer) is
  E'@behavior -*\nEvents of this tenant after a cursor in their order; those from the oldest kept on when there is none.';
grant execute on function events.read_feed(text, text[], uuid[], integer) to rowhouse_viewer, rowhouse_system;
