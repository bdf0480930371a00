create or replace function crm.alter_rows(p_table regclass, p_ids uuid[], p_values jsonb) returns jsonb
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_columns text := ddl.each(array(select jsonb_object_keys(p_values)), '%I');
  v_altered jsonb;
begin
  execute format(
    'with altered as (
       update %1$s t set (%2$s) = (select %2$s from jsonb_populate_record(null::%1$s, $2)) where t.tenant_id = app.tenant_id() and t.id = any ($1)
       returning t.id, (select jsonb_object_agg(k, to_jsonb(old) -> k) from jsonb_object_keys($2) k) as before)
     select coalesce(jsonb_agg(jsonb_build_object(''id'', id, ''before'', before) order by id), ''[]'') from altered',
    p_table, v_columns) using p_ids, p_values into v_altered;
  return v_altered;
end
$$;
comment on function crm.alter_rows(regclass, uuid[], jsonb) is
  'Gives columns of rows the values of an object, and answers with what they were: an array of {id, before}.';
