create or replace function ddl.enqueue(p_table regclass, p_task text, p_event text, p_when text default 'true') returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table), format('enqueue_%s_on_%s', p_task, p_event));
begin
  execute format($sql$
    create or replace function %s() returns trigger
    language plpgsql security definer set search_path to pg_catalog as $body$
    begin
      perform pipeline.enqueue_jobs(%L, %L, r.tenant_id, array_agg(r.id order by r.id))
      from new_rows r %s
      where %s
      group by r.tenant_id;
      return null;
    end
    $body$ $sql$, v_function, p_task, v_relname,
    case when p_event = 'update' then 'join old_rows o on o.tenant_id = r.tenant_id and o.id = r.id' else '' end, p_when);
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function,
    format('Queues one %s job for each row of the statement that needs it, all in one call.', p_task));
  perform ddl.trigger(p_table, format('_500_enqueue_%s_on_%s', p_task, p_event), format(
    'after %s referencing new table as new_rows %s for each statement execute function %s()',
    p_event, case when p_event = 'update' then 'old table as old_rows' else '' end, v_function));
end
$$;
comment on function ddl.enqueue(regclass, text, text, text) is
  'Queues a task for the rows of an insert or update that satisfy a condition over r (for updates also o, the row before): one statement-level trigger, one call.';
