create or replace function ddl.private_table(p_table regclass) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  execute format('revoke all on %s from public', p_table);
  execute format('alter table %s enable row level security', p_table);
  execute format('alter table %s force row level security', p_table);
  perform ddl.policy(p_table, 'all_owner', 'for all to rowhouse_owner, rowhouse_definer using (true) with check (true)');
end
$$;
comment on function ddl.private_table(regclass) is
  'A table that no request may read: only functions of the owner and of the definer role reach it.';
