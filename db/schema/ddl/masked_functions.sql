create or replace function ddl.masked_body(p_function regprocedure) returns text
language plpgsql stable set search_path to '' as $$
declare
  v_body text := regexp_replace(pg_catalog.pg_get_function_sqlbody(p_function), '^\s*BEGIN ATOMIC(.*);\s*END\s*$', '\1');
  v_table text;
begin
  v_body := regexp_replace(v_body, '^\s*RETURN\s', 'select ');
  -- Arguments are named by their function.
  v_body := (select regexp_replace(v_body, '\m' || p.proname || '\.', p.pronamespace::pg_catalog.regnamespace || '_' || p.proname || '.', 'g')
    from pg_catalog.pg_proc p where p.oid = p_function);
  for v_table in select m.table_name from private.masked_columns m where m.column_name = '' loop
    v_body := regexp_replace(v_body, '(\mFROM|\mJOIN|,)(\s+\(*)' || replace(v_table, '.', '\.') || '(?=\s+[a-z])', '\1\2' || ddl.masked_name(v_table) || '()', 'g');
  end loop;
  return v_body;
end
$$;
comment on function ddl.masked_body(regprocedure) is 'The body of an SQL function that reads what stands in for masked tables.';

create or replace function ddl.masked_functions() returns void
language plpgsql set search_path to pg_catalog as $$
declare
  f record;
  v_name text;
begin
  -- Whatever viewers may call acts with the rights of its caller, and reads no more than they may; what acts with the
  -- rights of its owner is not among it, and needs a grant of its own.
  for f in
    select p.oid::regprocedure as signature from pg_proc p
    where p.pronamespace::regnamespace::text = any (ddl.own_schemas()) and not p.prosecdef
      and exists (select from aclexplode(p.proacl) a where a.grantee = 'rowhouse_viewer'::regrole)
  loop
    execute format('grant execute on function %s to rowhouse_viewer_masked', f.signature);
  end loop;
  for f in
    select p.proname, p.pronamespace::regnamespace::text as schema, p.oid::regprocedure as signature, pg_get_function_arguments(p.oid) as arguments,
      pg_get_function_result(p.oid) as result, obj_description(p.oid, 'pg_proc') as description, ddl.masked_body(p.oid::regprocedure) as body
    from pg_proc p
    where p.pronamespace::regnamespace::text = any (ddl.domain_schemas()) and not p.prosecdef and p.prosqlbody is not null
      and has_function_privilege('rowhouse_viewer_masked', p.oid, 'execute') and p.proname !~ '^search_'
      and exists (select from pg_depend d join private.masked_columns m on d.refobjid = m.table_name::regclass
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass)
      and ddl.masked_body(p.oid::regprocedure) ~ 'masked\.'
  loop
    v_name := ddl.masked_name(f.schema || '.' || f.proname);
    execute format('create or replace function %s(%s) returns %s language sql stable as %L', v_name, f.arguments, f.result, f.body);
    execute format('comment on function %s is %L', v_name, format('%s.%s for masked viewers: %s', f.schema, f.proname, f.description));
    execute format('grant execute on function %s to rowhouse_viewer_masked', v_name);
    execute format('revoke all on function %s from public', v_name);
  end loop;
end
$$;
comment on function ddl.masked_functions() is 'Lets masked viewers call what viewers may call, and makes the stand-ins of those functions that read masked tables.';

create or replace function ddl.masked_all() returns void
language plpgsql set search_path to pg_catalog as $$
declare
  t record;
begin
  for t in select table_name from private.masked_columns where column_name = '' order by table_name loop
    perform ddl.masked_table(t.table_name);
    if exists (select from pg_attribute where attrelid = t.table_name::regclass and attname = 'search_vector' and not attisdropped) then
      perform ddl.masked_search(t.table_name);
    end if;
  end loop;
  -- All schemas and other tables as viewers have them.
  for t in
    select n.nspname as name from pg_namespace n cross join lateral aclexplode(n.nspacl) g
    where g.grantee = 'rowhouse_viewer'::regrole and g.privilege_type = 'USAGE'
  loop
    execute format('grant usage on schema %I to rowhouse_viewer_masked', t.name);
  end loop;
  for t in
    select c.oid::regclass as name from pg_class c
    where c.relnamespace::regnamespace::text = any (ddl.domain_schemas()) and c.relkind in ('r', 'p', 'v')
      and exists (select from aclexplode(c.relacl) a where a.grantee = 'rowhouse_viewer'::regrole and a.privilege_type = 'SELECT')
      and not exists (select from private.masked_columns m where m.table_name::regclass = c.oid)
  loop
    execute format('grant select on %s to rowhouse_viewer_masked', t.name);
  end loop;
  for t in
    select c.oid::regclass as name, string_agg(format('%I', a.attname), ', ') as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid cross join lateral aclexplode(a.attacl) g
    where c.relnamespace::regnamespace::text = any (ddl.domain_schemas()) and g.grantee = 'rowhouse_viewer'::regrole and g.privilege_type = 'SELECT'
      and not exists (select from private.masked_columns m where m.table_name::regclass = c.oid)
    group by c.oid
  loop
    execute format('grant select (%s) on %s to rowhouse_viewer_masked', t.columns, t.name);
  end loop;
  perform ddl.masked_functions();
end
$$;
comment on function ddl.masked_all() is 'Makes what masked viewers see of everything that viewers see.';
