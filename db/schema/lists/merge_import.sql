create or replace function lists.merge_import(p_import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_import lists.list_imports;
  v_staging text := lists.import_staging_name(p_import_id);
  v_inserted bigint;
begin
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id for update;
  if not found or v_import.status not in ('queued', 'merging') then
    return v_import;
  end if;
  -- Imports into one list follow one another: each must see what the one before it brought.
  perform pg_advisory_xact_lock(hashtextextended(v_import.list_id::text, 0));
  execute format('analyze %s (line_number, email, phone_e164)', v_staging);

  if v_import.duplicate_policy <> 'keep' then
    perform lists.find_import_duplicates(v_import);
  end if;
  if v_import.is_dry_run then
    execute format('select count(*) from %s where outcome is distinct from ''duplicate''', v_staging) into v_inserted;
  else
    execute format($sql$
      insert into lists.list_entries (tenant_id, list_id, list_import_id, line_number, data,
        full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country)
      select $1, $2, $3, line_number, data,
        full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country
      from %s where outcome is distinct from 'duplicate'
      $sql$, v_staging) using v_import.tenant_id, v_import.list_id, v_import.id;
    get diagnostics v_inserted = row_count;
  end if;
  if v_import.duplicate_policy <> 'keep' then
    perform lists.apply_import_duplicates(v_import);
  end if;
  perform lists.note_import_columns(v_import);
  perform lists.drop_import_staging(v_import.id);

  update lists.list_imports i
  set status = 'completed', completed_at = now(), checkpoint = null, inserted_count = v_inserted,
    filled_count = r.filled, overwritten_count = r.overwritten, skipped_count = r.skipped
  from (select count(*) filter (where outcome = 'filled') as filled, count(*) filter (where outcome = 'overwritten') as overwritten,
      count(*) filter (where outcome = 'skipped') as skipped
    from lists.list_import_rows where tenant_id = v_import.tenant_id and list_import_id = v_import.id) r
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id
  returning i.* into v_import;
  return v_import;
end
$$;
comment on function lists.merge_import(uuid) is
  E'@behavior -*\nMerges the staged rows of an import into its list, in one transaction. A dry run only counts and records outcomes.';
grant execute on function lists.merge_import(uuid) to rowhouse_system;
