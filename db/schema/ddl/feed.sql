create or replace function ddl.singular(p_name text) returns text
language sql immutable set search_path to pg_catalog
return case when p_name ~ 'ies$' then regexp_replace(p_name, 'ies$', 'y') when p_name ~ '(ss|x|ch|sh)es$' then regexp_replace(p_name, 'es$', '')
  else regexp_replace(p_name, 's$', '') end;
comment on function ddl.singular(text) is 'One of what a table holds: companies, company.';

create or replace function ddl.fed_columns(p_table regclass, p_ignored text[] default '{}') returns text[]
language sql stable set search_path to pg_catalog
return (
  select array_agg(attname::text order by attnum) from pg_attribute
  where attrelid = p_table and attnum > 0 and not attisdropped and attgenerated = '' and atttypid <> 'tsvector'::regtype
    and attname <> all (p_ignored || '{tenant_id,id,created_at,updated_at}')
);
comment on function ddl.fed_columns(regclass, text[]) is 'The columns of a table whose change is an event: all but keys, times of writing, what is worked out from others, and the ignored ones.';

create or replace function ddl.feed(
  p_table regclass, p_ignored text[] default '{}', p_status text default null, p_payload text[] default '{}',
  p_singular text default null, p_compare boolean default true
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_singular text := coalesce(p_singular, ddl.singular(v_relname));
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table), 'feed_' || v_relname);
  v_columns text[] := ddl.fed_columns(p_table, p_ignored);
  v_is_soft boolean := exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at' and not attisdropped);
  v_verb text := case when not v_is_soft and p_status is null then $q$'updated'::text$q$ else concat('case ', case when v_is_soft then $q$when n.deleted_at is not null and o.deleted_at is null then 'deleted' when n.deleted_at is null and o.deleted_at is not null then 'restored' $q$ end,
    case when p_status is not null then format('when o.%1$I is distinct from n.%1$I then n.%1$I::text ', p_status) end, $q$else 'updated' end$q$) end;
  v_write text := format('perform private.write_event(s.tenant_id, %L, %L, s.keys, s.row_count', v_singular || '.%s', v_relname);
  v_shown text[] := array_remove(array[p_status] || p_payload, null);
  v_payload text := case when v_shown <> '{}' then
    format(', case when s.row_count = 1 then (select jsonb_build_object(%s) from %%s r where r.id = s.keys[1]) else ''{}'' end', ddl.each(v_shown, '%1$L, r.%1$I')) else ', ''{}''' end;
  v_unknown text := (select string_agg(c, ', ') from unnest(p_ignored || p_payload || p_status || '{tenant_id,id}'::text[]) c
    where c is not null and not exists (select from pg_attribute where attrelid = p_table and attname = c and not attisdropped));
  v_event text;
begin
  if v_unknown is not null then
    raise exception '% has no column %', p_table, v_unknown;
  end if;
  -- A plan that was made for one row is kept for a hundred thousand: a nested loop would then never end.
  execute format($sql$
    create or replace function %1$s() returns trigger
    language plpgsql security definer set search_path to pg_catalog set enable_nestloop to off set enable_mergejoin to off as $body$
    begin
      if tg_op = 'INSERT' then
        %2$s
        from (select tenant_id, count(*) as row_count, array_agg(id) as keys from new_rows group by 1) s;
      elsif tg_op = 'DELETE' then
        %3$s
        from (select tenant_id, count(*) as row_count, array_agg(id) as keys from old_rows where %4$s group by 1) s;
      elsif %5$s then
        %6$s
        from (
          select n.tenant_id, %7$s as verb, count(*) as row_count, array_agg(n.id) as keys%8$s
          from old_rows o join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
          %9$s
          group by 1, 2) s;
      else
        %10$s
        from (select tenant_id, count(*) as row_count, array_agg(id) as keys from new_rows group by 1) s;
      end if;
      return null;
    end
    $body$ $sql$,
    v_function,
    format(v_write, 'created') || replace(v_payload, '%s', 'new_rows') || ')',
    format(v_write, 'deleted') || replace(v_payload, '%s', 'old_rows') || ')',
    case when v_is_soft then 'deleted_at is null' else 'true' end,
    case when p_compare then 'true' when v_is_soft then
      'exists (select from new_rows where deleted_at is not null) or exists (select from old_rows where deleted_at is not null)' else 'false' end,
    replace(v_write, format('%L', v_singular || '.%s'), format('%L || s.verb', v_singular || '.'))
      || replace(v_payload, '%s', 'new_rows') || case when p_compare then ', s.changed_fields)' else ')' end,
    v_verb,
    case when p_compare then format(', array_remove(array[%s]::text[], null) as changed_fields', ddl.each(v_columns, 'case when bool_or(o.%1$I is distinct from n.%1$I) then %1$L end')) end,
    case when p_compare then format('where (%s) is distinct from (%s)', ddl.each(v_columns, 'o.%1$I'), ddl.each(v_columns, 'n.%1$I')) end,
    format(v_write, 'updated') || replace(v_payload, '%s', 'new_rows') || ')');
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function, format('Writes what a statement did to %s into the feed.', p_table));
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_table, '_800_feed_on_' || v_event, format('after %s referencing %s for each statement execute function %s(%L)', v_event,
      case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, v_function, p_ignored));
  end loop;
end
$$;
comment on function ddl.feed(regclass, text[], text, text[], text, boolean) is
  'Writes an event into the feed for each statement that changes rows of a table: <singular>.created, .updated, .deleted, .restored, or the new value of the status column. Ignored columns are counters and the like: a change of nothing else is no event. The payload names columns whose values stand in the event of a single row; whoever may read events may read them. Without comparing, every update is an event and says not what changed.';
