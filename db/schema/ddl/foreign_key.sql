create or replace function ddl.foreign_key(
  p_table regclass, p_column text, p_target regclass, p_on_delete text default 'restrict', p_index boolean default true
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_relname text := (select relname from pg_class where oid = p_table);
  v_on_delete text := case when p_on_delete = 'set null' then format('set null (%I)', p_column) else p_on_delete end;
begin
  perform ddl.constraint(p_table, format('%s_%s_fkey', v_relname, p_column),
    format('foreign key (tenant_id, %I) references %s (tenant_id, id) on delete %s', p_column, p_target, v_on_delete));
  if p_index then
    execute format('create index if not exists %I on %s (tenant_id, %I)',
      format('%s_%s_idx', v_relname, p_column), p_table, p_column);
  end if;
end
$$;
comment on function ddl.foreign_key(regclass, text, regclass, text, boolean) is
  'A reference between two tenant tables: composite with the tenant, so that it can never cross tenants, and covered by an index (pass false where a wider index already leads with both columns).';
