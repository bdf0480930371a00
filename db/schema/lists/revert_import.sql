create or replace function lists.revert_import(p_import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_import lists.list_imports;
begin
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id for update;
  if not found or v_import.status <> 'undoing' then
    return v_import;
  end if;
  perform pg_advisory_xact_lock(hashtextextended(v_import.list_id::text, 0));

  update lists.list_entries set deleted_at = now()
  where tenant_id = v_import.tenant_id and list_import_id = v_import.id and deleted_at is null;

  -- Fields that still hold what the import wrote get back what they held before.
  update lists.list_entries e
  set (full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
      address_line1, address_line2, city, state, postal_code, country, enrichment_status) =
    (select n.full_name, n.first_name, n.middle_name, n.last_name, n.name_suffix, n.nickname, n.company_name, n.email, n.phone, n.phone_e164,
      n.address_line1, n.address_line2, n.city, n.state, n.postal_code, n.country, 'pending'
      from jsonb_populate_record(e, c.fields) n)
  from (
    select t.id, jsonb_object_agg(p.key, p.value -> 'before') as fields
    from lists.list_import_rows r
    join lists.list_entries t on t.tenant_id = r.tenant_id and t.id = r.list_entry_id
    cross join lateral jsonb_each(r.previous) p
    where r.tenant_id = v_import.tenant_id and r.list_import_id = v_import.id and r.previous is not null
      and to_jsonb(t) ->> p.key is not distinct from p.value ->> 'after'
    group by t.id
  ) c
  where e.tenant_id = v_import.tenant_id and e.id = c.id;

  update lists.list_imports i set status = 'undone', undone_at = now()
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id
  returning * into v_import;
  return v_import;
end
$$;
comment on function lists.revert_import(uuid) is E'@behavior -*\nTakes back a completed import, in one transaction.';
grant execute on function lists.revert_import(uuid) to rowhouse_system;
