create or replace function ddl.append_only(
  p_table regclass,
  p_insert text[] default '{}',
  p_write_role text default 'rowhouse_member',
  p_select_role text default 'rowhouse_viewer'
) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  perform ddl.tenant_table(p_table, p_insert, '{}', p_write_role, p_select_role, 'select, insert');
  -- A cascade, or a change that a trigger makes on behalf of another table, comes from within a trigger and passes.
  perform ddl.trigger(p_table, '_200_append_only',
    'before update or delete or truncate for each statement when (pg_trigger_depth() = 0) execute function app.refuse_change()');
end
$$;
comment on function ddl.append_only(regclass, text[], text, text) is
  'Applies the tenant pattern to a table whose rows never change: nobody is granted update or delete, and whoever could is refused. A later fact about a row is a row of its own.';
