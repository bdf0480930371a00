create or replace function ddl.masked_name(p_name text) returns text
language sql immutable parallel safe
return format('masked.%I', replace(p_name, '.', '_'));
comment on function ddl.masked_name(text) is 'What stands in for a table or function in the sessions of masked viewers: masked.crm_contacts() for crm.contacts.';

create or replace function ddl.masked_columns(p_table text, p_nothing boolean default false) returns text
language plpgsql stable set search_path to pg_catalog as $$
begin
  return (
    select string_agg(case
        when a.attname = 'search_vector' or p_nothing and m.expression ~ '^app\.mask_(email|phone|contact|domain)\(t\.[a-z0-9_]+\)$'
          then format('null::%s', format_type(a.atttypid, a.atttypmod))
        else coalesce(m.expression || '::' || format_type(a.atttypid, a.atttypmod), format('t.%I', a.attname)) end || format(' as %I', a.attname), ', ' order by a.attnum)
    from pg_attribute a left join private.masked_columns m on m.table_name = p_table and m.column_name = a.attname
    where a.attrelid = p_table::regclass and a.attnum > 0 and not a.attisdropped);
end
$$;
comment on function ddl.masked_columns(text, boolean) is
  'The columns of a table t as masked viewers see them; if so wanted with nothing at all where a masked address or number would be, to be searched.';

create or replace function ddl.masked_table(p_table text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_name text := ddl.masked_name(p_table);
  v_view text := ddl.masked_name(p_table || '_rows');
  v_is_view boolean := (select relkind = 'v' from pg_class where oid = p_table::regclass);
  v_open text;
begin
  -- A view of its owner: who may read it need not be able to read what it hides. The policies bind the owner, the wall among them.
  execute format('drop view if exists %s', v_view);
  execute format('create view %s as select %s from %s t where (select app.require_scope(%L))', v_view, ddl.masked_columns(p_table), p_table,
    ddl.scope(p_table::regclass) || ':read');
  execute format('comment on view %s is %L', v_view, format('The rows of %s as masked viewers see them; read through the function.', p_table));
  execute format('grant select on %s to rowhouse_viewer_masked', v_view);
  -- A function that is inlined, so that its rows are of the table's own type: what takes such rows takes these, too.
  execute format('create or replace function %s() returns setof %s language sql stable rows 1000 as %L', v_name, p_table, format('select * from %s', v_view));
  execute format('comment on function %s() is %L', v_name, format('%s, with e-mail addresses and phone numbers masked.', p_table));
  execute format('grant execute on function %s() to rowhouse_viewer_masked', v_name);
  execute format('revoke all on function %s() from public', v_name);

  execute format('revoke all on %s from rowhouse_viewer_masked', p_table);
  if not v_is_view then
    select string_agg(format('%I', a.attname), ', ') || ', xmin' into v_open
    from pg_attribute a
    where a.attrelid = p_table::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'search_vector'
      and not exists (select from private.masked_columns m where m.table_name = p_table and m.column_name = a.attname);
    execute format('grant select (%s) on %s to rowhouse_viewer_masked', v_open, p_table);
  end if;
end
$$;
comment on function ddl.masked_table(text) is
  'Makes the stand-in of a table for masked viewers, who may read only the harmless columns of the table itself: PostgreSQL refuses any statement that touches another, be it to compare, to sort, to group or to count.';
