create or replace function lists.apply_import_duplicates(p_import lists.list_imports) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_columns text[] := array['full_name', 'first_name', 'middle_name', 'last_name', 'name_suffix', 'nickname', 'company_name', 'email', 'phone',
    'phone_e164', 'address_line1', 'address_line2', 'city', 'state', 'postal_code', 'country'];
  v_fill boolean := p_import.duplicate_policy = 'fill';
begin
  -- Rows of the file that are duplicates of a row of the file: that row is an entry by now (but not in a dry run).
  execute format($sql$
    update %s s set target_id = e.id from lists.list_entries e
    where s.outcome = 'duplicate' and s.target_id is null
      and e.tenant_id = $1 and e.list_import_id = $2 and e.line_number = s.target_line
    $sql$, v_staging) using p_import.tenant_id, p_import.id;

  -- Per entry and column, the value that counts: the first of the file to fill an empty field, the last to overwrite one.
  execute format($sql$
    create temporary table import_changes on commit drop as
    with duplicates as (
      select s.*, coalesce(target_id::text, target_line::text) as target from %1$s s where $2 <> 'skip' and s.outcome = 'duplicate'
    ), targets as (
      select e.id::text as target, e.id, jsonb_strip_nulls(to_jsonb(e)) as fields
      from lists.list_entries e where e.tenant_id = $1 and e.id in (select target_id from duplicates)
      union all
      select s.line_number::text, null, jsonb_strip_nulls(to_jsonb(s))
      from %1$s s where s.line_number in (select target_line from duplicates where target_id is null)
    ), offered as (
      select d.target, d.line_number, f.key as name, f.value
      from duplicates d cross join lateral jsonb_each_text(jsonb_strip_nulls(to_jsonb(d))) f
      where f.key = any ($3)
    ), chosen as (
      select distinct on (target, name) target, line_number, name, value
      from offered order by target, name, line_number * case when $4 then 1 else -1 end
    )
    select t.id as target_id, c.line_number, c.name, c.value, t.fields ->> c.name as before
    from chosen c join targets t using (target)
    where case when $4
      -- A phone is one thing in two columns: its international form is not filled beside another number.
      then t.fields ->> c.name is null and (c.name <> 'phone_e164' or t.fields ->> 'phone' is null)
      else t.fields ->> c.name is distinct from c.value end
    $sql$, v_staging) using p_import.tenant_id, p_import.duplicate_policy::text, v_columns, v_fill;

  if not p_import.is_dry_run then
    update lists.list_entries e
    set (full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country, enrichment_status) =
      (select n.full_name, n.first_name, n.middle_name, n.last_name, n.name_suffix, n.nickname, n.company_name, n.email, n.phone, n.phone_e164,
        n.address_line1, n.address_line2, n.city, n.state, n.postal_code, n.country, 'pending'
        from jsonb_populate_record(e, c.changes) n)
    from (select target_id, jsonb_object_agg(name, value) as changes from pg_temp.import_changes group by target_id) c
    where e.tenant_id = p_import.tenant_id and e.id = c.target_id;
  end if;

  execute format($sql$
    insert into lists.list_import_rows (tenant_id, list_import_id, line_number, outcome, list_entry_id, reason_code, reason, previous)
    select $1, $2, s.line_number, case when c.line_number is null then 'skipped' when $3 then 'filled' else 'overwritten' end,
      s.target_id, 'DUPLICATE',
      case when s.target_line is null then 'The list has an entry with this e-mail or phone.'
        else format('Line %%s of the file has the same e-mail or phone.', s.target_line) end,
      c.previous
    from %s s
    left join (select line_number, jsonb_object_agg(name, jsonb_build_object('before', before, 'after', value)) as previous
      from pg_temp.import_changes group by line_number) c on c.line_number = s.line_number
    where s.outcome = 'duplicate'
    $sql$, v_staging) using p_import.tenant_id, p_import.id, v_fill;
end
$$;
comment on function lists.apply_import_duplicates(lists.list_imports) is
  E'@behavior -*\nSkips, fills or overwrites as the import says, and records the outcome of every duplicate row with what undo needs.';
