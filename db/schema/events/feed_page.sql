create or replace function events.feed_page(
  p_after text, p_types text[], p_subjects uuid[], p_first integer, out nodes events.events[], out cursor text, out has_more boolean
)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_tenant_id uuid := app.tenant_id();
  -- So many events are looked through at most: a page of rare ones may be short although more follow.
  c_examined constant integer := 10000;
  v_after bigint := coalesce(events.position_of(p_after), 0);
  v_bounds record;
  v_last bigint;
begin
  if p_first is null or p_first not between 1 and 1000 then
    perform app.raise('VALIDATION_FAILED', format('A page has 1 to 1000 events, not %s.', coalesce(p_first::text, 'null')), 'first');
  end if;
  v_bounds := events.feed_bounds();
  if p_after is not null and v_after < v_bounds.first_position then
    perform app.raise('INVALID_STATE', 'Events right after this cursor are kept no more. Take feedHead, read all rows anew, and go on from there.', 'after');
  end if;
  if v_after > v_bounds.last_position then
    perform app.raise('INVALID_STATE', 'This cursor is ahead of the feed: it is of another database, or of a later state of this one. Take feedHead, read all rows anew, and go on from there.', 'after');
  end if;
  select array_agg(s.e order by (s.e).position) into nodes
  from (
    select x.e from (
      select e from events.events e
      where e.tenant_id = v_tenant_id and e.position > v_after and e.position <= v_bounds.horizon
      order by e.position limit c_examined
    ) x
    where events.matches_types((x.e).type, coalesce(p_types, '{}'))
      -- One that is about too many rows to name them may be about this one.
      and (coalesce(p_subjects, '{}') = '{}' or (x.e).subject_id = any (p_subjects) or (x.e).keys && p_subjects
        or (x.e).row_count > cardinality((x.e).keys))
    order by (x.e).position limit p_first
  ) s;
  nodes := coalesce(nodes, '{}');
  if cardinality(nodes) = p_first then
    v_last := nodes[p_first].position;
  else
    select e.position into v_last from events.events e
    where e.tenant_id = v_tenant_id and e.position > v_after and e.position <= v_bounds.horizon
    order by e.position offset c_examined - 1 limit 1;
  end if;
  -- To the horizon: what does not match needs not be looked through again.
  cursor := events.cursor_of(coalesce(v_last, greatest(v_after, v_bounds.horizon)));
  has_more := v_last is not null and exists (
    select from events.events e where e.tenant_id = v_tenant_id and e.position > v_last and e.position <= v_bounds.horizon);
end
$$;
comment on function events.feed_page(text, text[], uuid[], integer) is
  E'@behavior -*\nA page of the feed of this tenant: events after a cursor in their order, the cursor to go on from, and whether more follow now.';

grant execute on function events.feed_page(text, text[], uuid[], integer) to rowhouse_viewer, rowhouse_system;
