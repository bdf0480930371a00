create or replace function lists.note_import_columns(p_import lists.list_imports) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update lists.lists l
  set columns = l.columns || added.columns
  from (
    select jsonb_agg(h.value order by h.ordinality) as columns
    from jsonb_array_elements(p_import.headers) with ordinality h
    where not exists (
      select from lists.lists k cross join lateral jsonb_array_elements(k.columns) c
      where k.tenant_id = p_import.tenant_id and k.id = p_import.list_id and c.value ->> 'name' = h.value ->> 'name')
  ) added
  where l.tenant_id = p_import.tenant_id and l.id = p_import.list_id and added.columns is not null and not p_import.is_dry_run;
end;
comment on function lists.note_import_columns(lists.list_imports) is E'@behavior -*\nAdds the headers of an import to the columns of its list.';
