create or replace function ddl.policy(p_table regclass, p_name text, p_definition text) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  execute format('drop policy if exists %I on %s', p_name, p_table);
  execute format('create policy %I on %s %s', p_name, p_table, p_definition);
end
$$;
comment on function ddl.policy(regclass, text, text) is 'Creates a policy, or replaces the one of that name.';
