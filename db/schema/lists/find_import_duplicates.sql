create or replace function lists.find_import_duplicates(p_import lists.list_imports) returns boolean
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_living text := format('e.tenant_id = %L and e.list_id = %L and e.deleted_at is null', p_import.tenant_id, p_import.list_id);
  v_of_list text := '';
  v_key_count bigint;
begin
  if exists (select from lists.list_entries e where e.tenant_id = p_import.tenant_id and e.list_id = p_import.list_id and e.deleted_at is null) then
    v_of_list := format($sql$
      union select true, e.email from lists.list_entries e where %2$s and e.email in (select email from %1$s)
      union select false, e.phone_e164 from lists.list_entries e where %2$s and e.phone_e164 in (select phone_e164 from %1$s)
      $sql$, v_staging, v_living);
  end if;
  -- The keys that a row shares with another row or with an entry. A row without any of them is new beyond doubt.
  execute format($sql$
    create unlogged table %1$s_keys as
    select row_number() over ()::integer as n, is_email, key from (
      select true as is_email, email as key from %1$s where email is not null group by email having count(*) > 1
      union all select false, phone_e164 from %1$s where phone_e164 is not null group by phone_e164 having count(*) > 1
      %2$s
    ) shared
    $sql$, v_staging, v_of_list);
  get diagnostics v_key_count = row_count;
  if v_key_count > 0 then
    execute format('analyze %s_keys', v_staging);
    perform lists.decide_import_rows(p_import, v_living, v_key_count::integer);
  end if;
  execute format('drop table %s_keys', v_staging);
  return v_key_count > 0;
end
$$;
comment on function lists.find_import_duplicates(lists.list_imports) is
  E'@behavior -*\nFinds the staged rows that are duplicates, and of what, as if the rows had come in one at a time. Leaves them in the table <staging>_duplicates; tells whether there may be any.';
