create or replace function lists.revert_import(p_import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' set enable_nestloop to off as $$
declare
  v_import lists.list_imports;
  v_removed bigint;
  v_restored bigint := 0;
begin
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id;
  if not found or v_import.status <> 'undoing' then
    return v_import;
  end if;
  perform pg_advisory_xact_lock(hashtext('lists.merge_import'), hashtext(v_import.list_id::text));

  -- Fields that still hold what the import left in them get back what they held before it.
  with changes as (
    select r.list_entry_id, r.line_number, false as is_data, f.key, f.value
    from lists.list_import_rows r cross join lateral jsonb_each(r.previous -> 'fields') f
    where r.tenant_id = v_import.tenant_id and r.list_import_id = v_import.id and r.previous is not null
    union all
    select r.list_entry_id, r.line_number, true, f.key, f.value
    from lists.list_import_rows r cross join lateral jsonb_each(r.previous -> 'data') f
    where r.tenant_id = v_import.tenant_id and r.list_import_id = v_import.id and r.previous is not null
  ), net as (
    select list_entry_id, is_data, key, (array_agg(value -> 0 order by line_number))[1] as before,
      (array_agg(value -> 1 order by line_number desc))[1] as after
    from changes group by 1, 2, 3
  ), backs as (
    select n.list_entry_id, jsonb_object_agg(n.key, n.before) filter (where not n.is_data) as fields,
      jsonb_object_agg(n.key, n.before) filter (where n.is_data and n.before <> 'null') as data,
      array_agg(n.key) filter (where n.is_data and n.before = 'null') as additions
    from net n
    join lists.list_entries e on e.tenant_id = v_import.tenant_id and e.id = n.list_entry_id and e.list_import_id is distinct from v_import.id
    where case when n.is_data then coalesce(e.data -> n.key, 'null') else coalesce(to_jsonb(e) -> n.key, 'null') end = n.after
    group by 1
  )
  update lists.list_entries e
  set (full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
      address_line1, address_line2, city, state, postal_code, country, data, enrichment_status) =
    (select n.full_name, n.first_name, n.middle_name, n.last_name, n.name_suffix, n.nickname, n.company_name, n.email, n.phone, n.phone_e164,
      n.address_line1, n.address_line2, n.city, n.state, n.postal_code, n.country,
      (e.data || coalesce(b.data, '{}')) - coalesce(b.additions, '{}'),
      case when b.fields is null then e.enrichment_status else 'pending' end
      from jsonb_populate_record(e, coalesce(b.fields, '{}')) n)
  from backs b
  where e.tenant_id = v_import.tenant_id and e.id = b.list_entry_id;
  get diagnostics v_restored = row_count;

  update lists.list_entries set deleted_at = now()
  where tenant_id = v_import.tenant_id and list_import_id = v_import.id and deleted_at is null;
  get diagnostics v_removed = row_count;

  update lists.list_imports i
  set status = 'undone', undone_at = now(), removed_count = v_removed, restored_count = v_restored, error_code = null, error_message = null
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id
  returning * into v_import;
  return v_import;
end
$$;
comment on function lists.revert_import(uuid) is
  E'@behavior -*\nTakes back a completed import, in one transaction: soft-deletes what it inserted, puts back what it changed and nobody changed since.';
grant execute on function lists.revert_import(uuid) to rowhouse_system;
