create or replace function ddl.constraint(p_table regclass, p_name text, p_definition text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_target regclass := to_regclass((regexp_match(p_definition, 'references\s+([^\s(]+)', 'i'))[1]);
  v_forced regclass[] := array(select c.oid from pg_class c where c.oid in (p_table, v_target) and c.relforcerowsecurity);
  v_rel regclass;
begin
  if exists (select from pg_constraint where conrelid = p_table and conname = p_name) then
    return;
  end if;
  -- PostgreSQL checks the existing rows of a new foreign key as the owner, whom forced row-level security binds:
  -- it would see the rows of one tenant only, or none. So the force is lifted while it looks.
  foreach v_rel in array v_forced loop
    execute format('alter table %s no force row level security', v_rel);
  end loop;
  execute format('alter table %s add constraint %I %s', p_table, p_name, p_definition);
  foreach v_rel in array v_forced loop
    execute format('alter table %s force row level security', v_rel);
  end loop;
end
$$;
comment on function ddl.constraint(regclass, text, text) is 'Adds a named constraint once, checked against the rows of all tenants.';
