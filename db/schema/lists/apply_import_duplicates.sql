create or replace function lists.apply_import_duplicates(p_import lists.list_imports) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_fills boolean := p_import.duplicate_policy = 'fill';
begin
  -- A duplicate of a row of the file: that row is an entry by now. In a dry run it is none, and stands for itself.
  if not p_import.is_dry_run then
    execute format($sql$
      update %s_duplicates d set target_id = e.id from lists.list_entries e
      where d.target_id is null and e.tenant_id = $1 and e.list_import_id = $2 and e.line_number = d.target_line
      $sql$, v_staging) using p_import.tenant_id, p_import.id;
  end if;
  perform lists.find_import_changes(p_import);
  if not p_import.is_dry_run then
    execute format($sql$
      update lists.list_entries e
      set (full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
          address_line1, address_line2, city, state, postal_code, country, data, enrichment_status) =
        (select n.full_name, n.first_name, n.middle_name, n.last_name, n.name_suffix, n.nickname, n.company_name, n.email, n.phone, n.phone_e164,
          n.address_line1, n.address_line2, n.city, n.state, n.postal_code, n.country, e.data || coalesce(c.data, '{}'),
          case when c.fields is null then e.enrichment_status else 'pending' end
          from jsonb_populate_record(e, coalesce(c.fields, '{}')) n)
      from (
        select target, jsonb_object_agg(name, after order by line_number) filter (where not is_data) as fields,
          jsonb_object_agg(name, after order by line_number) filter (where is_data) as data
        from %s_changes group by target
      ) c
      where e.tenant_id = $1 and e.id = c.target::uuid
      $sql$, v_staging) using p_import.tenant_id;
  end if;
  execute format($sql$
    insert into lists.list_import_rows (tenant_id, list_import_id, line_number, outcome, list_entry_id, reason_code, reason, previous)
    select $1, $2, d.line_number, case when c.line_number is null then 'skipped' when $3 then 'filled' else 'overwritten' end,
      d.target_id, 'DUPLICATE',
      case when d.target_line is null then 'The list has an entry with this e-mail or phone number already.'
        else format('Line %%s of the file has this e-mail or phone number, too.', d.target_line) end,
      c.previous
    from %1$s_duplicates d
    left join (
      select line_number, jsonb_strip_nulls(jsonb_build_object(
        'fields', jsonb_object_agg(name, jsonb_build_array(before, after)) filter (where not is_data),
        'data', jsonb_object_agg(name, jsonb_build_array(before, after)) filter (where is_data))) as previous
      from %1$s_changes group by line_number) c on c.line_number = d.line_number
    order by d.line_number
    $sql$, v_staging) using p_import.tenant_id, p_import.id, v_fills;
  execute format('drop table %1$s_changes, %1$s_duplicates', v_staging);
end
$$;
comment on function lists.apply_import_duplicates(lists.list_imports) is
  E'@behavior -*\nSkips, fills or overwrites as the import says, and records the outcome of every duplicate row with what undo needs.';
