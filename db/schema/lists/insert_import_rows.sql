create or replace function lists.insert_import_rows(p_import lists.list_imports, p_has_duplicates boolean) returns bigint
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_new text := case when p_has_duplicates
    then format('not exists (select from %s_duplicates d where d.line_number = s.line_number)', v_staging) else 'true' end;
  v_blocks bigint;
  -- A statement keeps its rows for the checks and counts at its end: so much at a time, whatever the size of the file.
  v_blocks_at_once bigint := case when p_has_duplicates then 16384 else 65536 end;
  v_inserted bigint;
  v_total bigint := 0;
begin
  if p_import.is_dry_run then
    execute format('select count(*) from %s s where %s', v_staging, v_new) into v_total;
    return v_total;
  end if;
  v_blocks := pg_relation_size(v_staging::regclass) / current_setting('block_size')::bigint;
  -- In the order of the lines, which is that of the blocks, too: entries that are older by their id come first.
  for v_block in 0..v_blocks by v_blocks_at_once loop
    execute format($sql$
      insert into lists.list_entries (tenant_id, list_id, list_import_id, line_number, data,
        full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country)
      select $1, $2, $3, line_number, data,
        full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country
      from %s s where s.ctid >= '(%s,0)' and s.ctid < '(%s,0)' and %s
      %s
      $sql$, v_staging, v_block, v_block + v_blocks_at_once, v_new, case when p_has_duplicates then 'order by s.line_number' end)
      using p_import.tenant_id, p_import.list_id, p_import.id;
    get diagnostics v_inserted = row_count;
    v_total := v_total + v_inserted;
  end loop;
  return v_total;
end
$$;
comment on function lists.insert_import_rows(lists.list_imports, boolean) is
  E'@behavior -*\nMakes entries of the staged rows that are no duplicates, and says how many; a dry run only counts them.';
