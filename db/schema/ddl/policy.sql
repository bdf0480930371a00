create or replace function ddl.policy(p_table regclass, p_name text, p_definition text) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  execute format('drop policy if exists %I on %s', p_name, p_table);
  -- Which rows viewers see does not depend on whether their contact data is masked.
  execute format('create policy %I on %s %s', p_name, p_table,
    regexp_replace(p_definition, '\mto rowhouse_viewer\M', 'to rowhouse_viewer, rowhouse_viewer_masked'));
end
$$;
comment on function ddl.policy(regclass, text, text) is 'Creates a policy, or replaces the one of that name.';
