create or replace function ddl.counter(p_table regclass, p_key text, p_parent regclass, p_count text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table),
    format('count_%s_per_%s', (select relname from pg_class where oid = p_table), p_key));
  v_event text;
  v_living text := case when exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at' and not attisdropped)
    then 'deleted_at is null' else 'true' end;
begin
  -- One trigger function serves the three events; each sees only the transition tables that its event has.
  execute format($sql$
    create or replace function %1$s() returns trigger
    language plpgsql security definer set search_path to pg_catalog as $body$
    begin
      if tg_op = 'INSERT' then
        update %2$s p set %3$I = p.%3$I + d.n
        from (select tenant_id, %4$I as id, count(*) filter (where %5$s) as n from new_rows group by 1, 2) d
        where p.tenant_id = d.tenant_id and p.id = d.id and d.n <> 0;
      elsif tg_op = 'DELETE' then
        update %2$s p set %3$I = p.%3$I - d.n
        from (select tenant_id, %4$I as id, count(*) filter (where %5$s) as n from old_rows group by 1, 2) d
        where p.tenant_id = d.tenant_id and p.id = d.id and d.n <> 0;
      else
        update %2$s p set %3$I = p.%3$I + d.n
        from (select tenant_id, id, sum(n) as n from (
            select tenant_id, %4$I as id, count(*) as n from new_rows where %5$s group by 1, 2
            union all select tenant_id, %4$I, -count(*) from old_rows where %5$s group by 1, 2) both_sides group by 1, 2) d
        where p.tenant_id = d.tenant_id and p.id = d.id and d.n <> 0;
      end if;
      return null;
    end
    $body$ $sql$, v_function, p_parent, p_count, p_key, v_living);
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function, format('Keeps %s of %s, set-wise: one update per statement.', p_count, p_parent));
  perform ddl.recount(p_parent, '{id}', array[p_count],
    format('select tenant_id, %I as id, count(*) as %I from %s where %I is not null and %s group by 1, 2', p_key, p_count, p_table, p_key, v_living), p_count);
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_table, format('_300_%s_on_%s', p_count, v_event), format('after %s referencing %s for each statement execute function %s()',
      v_event, case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, v_function));
  end loop;
end
$$;
comment on function ddl.counter(regclass, text, regclass, text) is
  'Keeps a column of a parent equal to the number of its living children, by statement-level triggers.';
