-- A row as rules and actions see it: its fields under the names that the API has for them.
create or replace function pipeline.field_name(p_column text) returns text
language sql immutable parallel safe set search_path to pg_catalog
return (select lower(left(n, 1)) || substr(n, 2) from replace(initcap(replace(p_column, '_', ' ')), ' ', '') n);
comment on function pipeline.field_name(text) is E'@behavior -*\nA column''s name as the API writes it: first_name is firstName.';

create or replace function pipeline.row_fields(p_table regclass) returns table (field text, column_name name, kind text, prefix text, choices text[], type text)
-- Without settings of its own, so that it is inlined and looks at no column but those asked for.
language sql stable
begin atomic
  select pipeline.field_name(a.attname), a.attname,
    case when e.choices is not null then 'enum' when b.typname = 'uuid' then 'id' when b.typname in ('timestamptz', 'date') then 'time' when b.typname = 'bool' then 'boolean'
      when b.typname in ('int2', 'int4', 'int8', 'float4', 'float8', 'numeric') then 'number' when b.typname in ('json', 'jsonb') then 'json'
      when b.typcategory = 'A' then 'list' else 'text' end,
    case when b.typname = 'uuid' then coalesce(
      (select substring(obj_description(coalesce(k.confrelid, a.attrelid), 'pg_class') from '@typeid ([a-z_]+)')
        from (select) one left join pg_constraint k on k.conrelid = a.attrelid and k.contype = 'f' and k.conkey[cardinality(k.conkey)] = a.attnum and a.attname <> 'tenant_id'
        where a.attname = 'id' or k.oid is not null limit 1),
      substring(col_description(a.attrelid, a.attnum) from '@typeid ([a-z_]+)')) end,
    e.choices, format_type(a.atttypid, a.atttypmod)
  from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
  left join lateral (select string_to_array(substring(obj_description(t.oid, 'pg_type') from '@enum ([a-z0-9_,]+)'), ',') as choices) e on true
  where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped and a.attname <> 'tenant_id'
    and coalesce(col_description(a.attrelid, a.attnum), '') not like '%@behavior -*%'
  order by a.attnum;
end;
comment on function pipeline.row_fields(regclass) is
  E'@behavior -*\nThe fields of a table as the API names them: column, kind (text, enum, id, time, boolean, number, json, list), prefix of ids, values of an enum, type.';

create or replace function pipeline.row_facts(p_table regclass, p_ids uuid[], p_fields text[] default null) returns table (id uuid, facts jsonb)
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_fields text;
begin
  -- What the role may not read is not there, neither for a rule nor for an action.
  select string_agg(format('%s as %I', case kind when 'enum' then format('upper(t.%I::text)', column_name)
    when 'id' then case when prefix is null then format('t.%I', column_name) else format('app.type_id(%L, t.%I)', prefix, column_name) end
    else format('t.%I', column_name) end, field), ', ') into v_fields
  from pipeline.row_fields(p_table) where (p_fields is null or field = any (p_fields)) and has_column_privilege(p_table, column_name, 'select');
  if v_fields is null then
    return;
  end if;
  return query execute format('select t.id, to_jsonb(f) from %s t cross join lateral (select %s) f where t.tenant_id = app.tenant_id() and t.id = any ($1)',
    p_table, v_fields) using p_ids;
end
$$;
comment on function pipeline.row_facts(regclass, uuid[], text[]) is
  E'@behavior -*\nRows of a table as objects with the API''s names: enums in capitals, ids as the API shows them, and only what the present role may read; all fields, or those named.';
grant execute on function pipeline.field_name(text), pipeline.row_fields(regclass), pipeline.row_facts(regclass, uuid[], text[]) to rowhouse_viewer, rowhouse_system;
