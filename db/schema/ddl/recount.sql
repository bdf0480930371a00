create or replace function ddl.recount(p_table regclass, p_key text[], p_columns text[], p_query text, p_name text default null, p_when text default null) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_view text := format('private.%I', 'recount_' || v_relname || coalesce('_' || p_name, ''));
begin
  execute format('drop view if exists %s', v_view);
  execute format('create view %s with (security_invoker = true) as %s', v_view, p_query);
  if not array_cat(p_key, p_columns) <@ array(select attname::text from pg_attribute where attrelid = v_view::regclass) then
    raise exception 'The query that counts % anew must have the columns tenant_id, %', p_table, array_to_string(p_key || p_columns, ', ');
  end if;
  execute format('comment on view %s is %L', v_view, format(E'@recounts %s\n@key %s\n@columns %s\n%sWhat %s of %s must be, counted anew; npm run db:counters compares.',
    p_table, array_to_string(p_key, ','), array_to_string(p_columns, ','),
    coalesce(format(E'@when %s\n', p_when), ''), array_to_string(p_columns, ', '), p_table));
end
$$;
comment on function ddl.recount(regclass, text[], text[], text, text, text) is
  'Tells what columns that triggers or tasks keep must be: a query over what they count, with tenant_id, the key of the row and the columns; rows that it leaves out must be 0, unless the last argument, a condition over the table, leaves them out, too. npm run db:counters compares and mends by it.';
