create or replace function ddl.notify_progress(p_table regclass, p_event text, p_column text default 'id', p_subject regclass default null) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_subject text := (select relname from pg_class where oid = coalesce(p_subject, p_table));
  v_function text := format('%s.%I', (select relnamespace::regnamespace from pg_class where oid = p_table),
    format('notify_%s_progress_on_%s', (select relname from pg_class where oid = p_table), p_event));
begin
  -- A notification must stay below 8000 bytes, or it fails the write: beyond a hundred ids it says only which table.
  execute format($sql$
    create or replace function %1$s() returns trigger
    language plpgsql set search_path to pg_catalog as $body$
    begin
      perform pg_notify('rowhouse_progress', json_build_object('tenant', s.tenant_id, 'table', %2$L,
        'ids', case when count(*) <= 100 then json_agg(s.id) end)::text)
      from (select distinct r.tenant_id, r.%3$I as id from new_rows r) s
      group by s.tenant_id;
      return null;
    end
    $body$ $sql$, v_function, v_subject, p_column);
  execute format('revoke all on function %s() from public', v_function);
  execute format('comment on function %s() is %L', v_function,
    'Tells servers which rows changed, in one notification per statement and tenant.');
  perform ddl.trigger(p_table, format('_700_notify_progress_on_%s', p_event), format(
    'after %s referencing new table as new_rows for each statement execute function %s()', p_event, v_function));
end
$$;
comment on function ddl.notify_progress(regclass, text, text, regclass) is
  'Notifies servers of rows that an insert or update touched, so that subscribers read them again: the rows themselves, or the rows of another table that a column of theirs names.';
