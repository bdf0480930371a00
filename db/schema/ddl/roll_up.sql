create or replace function ddl.roll_up(
  p_source regclass, p_target regclass, p_key json, p_counts json, p_sums json default '{}', p_join text default '', p_when text default null,
  p_parent regclass default null, p_parent_columns text[] default '{}', p_first text[] default '{}'
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_target text := (select relname from pg_class where oid = p_target);
  v_function text := (select format('%s.%I', relnamespace::regnamespace, format('roll_up_%s_into_%s', relname, v_target))
    from pg_class where oid = p_source);
  v_keys text[] := array(select json_object_keys(p_key));
  v_totals text[] := array(select json_object_keys(p_counts)) || array(select json_object_keys(p_sums));
  v_key text := ddl.each(v_keys, '%I');
  v_total text := ddl.each(v_totals, '%I');
  v_figures text := concat_ws(', ',
    (select string_agg(format('count(*) filter (where %s) as %I', value, key), ', ') from json_each_text(p_counts)),
    (select string_agg(format('coalesce(sum(%s), 0)::bigint as %I', value, key), ', ') from json_each_text(p_sums)));
  v_where text := concat_ws(' and ', case when exists (select from pg_attribute where attrelid = p_source and attname = 'deleted_at' and not attisdropped)
    then 'r.deleted_at is null' else 'true' end, p_when);
  -- The totals of some rows: of the table, or of what a statement brought or took away. Joined after they are added up
  -- by the columns that come first: the planner knows nothing of the rows of a statement, and may join each with all.
  v_select text := format('select r.tenant_id, %s, %s from %s r %s where %s group by r.tenant_id, %s',
    (select string_agg(format('%s as %I', value, key), ', ') from json_each_text(p_key)),
    case when p_first = '{}' then v_figures else ddl.each(v_totals, 'sum(r.%1$I)::bigint as %1$I') end,
    case when p_first = '{}' then '%s' else format('(select r.tenant_id, %1$s, %2$s from %%s r where %3$s group by r.tenant_id, %1$s)',
      ddl.each(p_first, 'r.%I'), v_figures, v_where) end,
    p_join,
    case when p_first = '{}' then v_where else 'true' end,
    (select string_agg(value, ', ') from json_each_text(p_key)));
  v_brought text := format(v_select, 'new_rows');
  v_taken text := format('select tenant_id, %s, %s from (%s) o', v_key, ddl.each(v_totals, '-%1$I as %1$I'), format(v_select, 'old_rows'));
  v_both text := format('select tenant_id, %1$s, %2$s from (%3$s union all %4$s) b group by tenant_id, %1$s',
    v_key, ddl.each(v_totals, 'sum(%1$I)::bigint as %1$I'), v_brought, v_taken);
  -- Where the parent of a total is being deleted, the total goes, too: nothing may be added to it any more.
  v_parents text := (select string_agg(case when k.confrelid = 'iam.tenants'::regclass then 'exists (select from iam.tenants p where p.id = d.tenant_id)'
      else format('(d.%1$I is null or exists (select from %2$s p where p.tenant_id = d.tenant_id and p.id = d.%1$I))', a.attname, k.confrelid::regclass) end,
      ' and ')
    from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[cardinality(k.conkey)]
    where k.conrelid = p_target and k.contype = 'f');
  v_insert text := format($sql$insert into %1$s as t (tenant_id, %2$s, slot, %3$s)
          select d.tenant_id, %2$s, app.roll_up_slot(), %3$s from d where (%4$s) and %5$s order by d.tenant_id, %2$s
          on conflict (tenant_id, %2$s, slot) do update set %6$s$sql$,
    p_target, v_key, v_total, ddl.each(v_totals, 'd.%I <> 0', ' or '), v_parents, ddl.each(v_totals, '%1$I = t.%1$I + excluded.%1$I'));
  v_add text := format('with d as materialized (%%s) %s;', case when p_parent is null then v_insert
    else format(', added as (%s) update %s p set %s from d where p.tenant_id = d.tenant_id and p.id = d.%I and (%s)', v_insert, p_parent,
      ddl.each(p_parent_columns, '%1$I = p.%1$I + d.%1$I'), v_keys[1], ddl.each(p_parent_columns, 'd.%I <> 0', ' or ')) end);
  v_event text;
begin
  execute format($sql$
    create or replace function %s() returns trigger
    language plpgsql security definer set search_path to pg_catalog as $body$
    begin
      if tg_op = 'INSERT' then %s
      elsif tg_op = 'DELETE' then %s
      else %s
      end if;
      return null;
    end
    $body$ $sql$, v_function, format(v_add, v_brought), format(v_add, v_taken), format(v_add, v_both));
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function, format('Adds what a statement changed to %s, set-wise: once for each total.', p_target));
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_source, format('_300_roll_up_%s_on_%s', v_target, v_event), format(
      'after %s referencing %s for each statement execute function %s()',
      v_event, case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, v_function));
  end loop;
  perform ddl.recount(p_target, v_keys, v_totals, format(v_select, p_source));
  if p_parent is not null then
    perform ddl.recount(p_parent, '{id}', p_parent_columns, format('select tenant_id, %I as id, %s from (%s) t',
      v_keys[1], ddl.each(p_parent_columns, '%I'), format(v_select, p_source)), array_to_string(p_parent_columns, '_'));
  end if;
end
$$;
comment on function ddl.roll_up(regclass, regclass, json, json, json, text, text, regclass, text[], text[]) is
  'Keeps totals of a table in another one by statement-level triggers, given as {"key column": "expression over r"}, {"count": "condition"} and {"sum": "expression"}. The target holds the key, a column slot and the totals, unique by (tenant_id, key, slot); a total is the sum over its slots. Totals that a column of the parent has, too, are kept there by the same pass. With a join, the columns of the source that it and the key need come first.';
