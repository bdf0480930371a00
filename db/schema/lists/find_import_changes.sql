create or replace function lists.find_import_changes(p_import lists.list_imports) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_columns text[] := array['full_name', 'first_name', 'middle_name', 'last_name', 'name_suffix', 'nickname', 'company_name', 'email', 'phone',
    'phone_e164', 'address_line1', 'address_line2', 'city', 'state', 'postal_code', 'country'];
begin
  execute format('create unlogged table %s_changes as select null::text as target, null::bigint as line_number, false as is_data,
    null::text as name, null::jsonb as before, null::jsonb as after limit 0', v_staging);
  if p_import.duplicate_policy = 'skip' then
    return;
  end if;
  -- Column by column: the first row of the file that has a value fills an empty field; each row that has another value
  -- than the field holds by then overwrites it. A phone is one thing in two columns: both change, or neither.
  execute format($sql$
    insert into %1$s_changes
    with duplicates as (
      select line_number, target_id, target_line, coalesce(target_id::text, 'line ' || target_line) as target from %1$s_duplicates
    ), bases as (
      select e.id::text as target, to_jsonb(e) as base from lists.list_entries e
      where e.tenant_id = $1 and e.id in (select target_id from duplicates)
      union all
      select 'line ' || s.line_number, to_jsonb(s) from %1$s s
      where s.line_number in (select target_line from duplicates where target_id is null)
    ), offers as (
      select d.target, d.line_number, false as is_data, f.key as name, nullif(f.value, 'null') as value
      from duplicates d join %1$s s on s.line_number = d.line_number cross join lateral jsonb_each(to_jsonb(s)) f
      where f.key = any ($2) and (f.value <> 'null' or f.key = 'phone_e164' and s.phone is not null)
      union all
      select d.target, d.line_number, true, f.key, f.value
      from duplicates d join %1$s s on s.line_number = d.line_number cross join lateral jsonb_each(s.data) f
      where f.value not in ('null', '""')
    ), steps as (
      select o.*, row_number() over one = 1 as is_first, lag(o.value) over one as earlier
      from offers o window one as (partition by o.target, o.is_data, o.name order by o.line_number)
    ), compared as (
      select s.target, s.line_number, s.is_data, s.name, s.value, s.is_first,
        case when not s.is_first then s.earlier when s.is_data then nullif(b.base -> 'data' -> s.name, 'null')
          else nullif(b.base -> s.name, 'null') end as before,
        s.name in ('phone', 'phone_e164') and not s.is_data and coalesce(b.base ->> 'phone', b.base ->> 'phone_e164') is not null as has_phone
      from steps s join bases b on b.target = s.target
    )
    select target, line_number, is_data, name, before, coalesce(value, 'null') from compared
    where value is distinct from before
      and ($3 = 'overwrite' or is_first and not has_phone and (before is null or before = '""'))
    $sql$, v_staging) using p_import.tenant_id, v_columns, p_import.duplicate_policy::text;
end
$$;
comment on function lists.find_import_changes(lists.list_imports) is
  E'@behavior -*\nFinds what each duplicate row changes of the entry it belongs to, and leaves it in the table <staging>_changes.';
