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

  -- What each row changes, as if the rows came in one at a time: the first to offer a value fills an empty field; every
  -- one overwrites. Of an overwritten field only the last value is written, with what the entry held before the import.
  drop table if exists pg_temp.import_changes;
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
      -- A phone is one thing in two columns: one that has no international form takes away that of the one before.
      select d.target, d.line_number, f.key as name, f.value
      from duplicates d cross join lateral jsonb_each_text(to_jsonb(d)) f
      where f.key = any ($3) and (f.value is not null or (f.key = 'phone_e164' and d.phone is not null))
    ), ordered as (
      select target, line_number, name, value, row_number() over w as turn, lag(value) over w as prior
      from offered window w as (partition by target, name order by line_number)
    ), written as (
      select t.id as target_id, o.*, t.fields ->> o.name as before,
        row_number() over (partition by o.target, o.name order by o.line_number desc) = 1 as is_last
      from ordered o join targets t using (target)
      where case when $4
        then turn = 1 and value is not null and t.fields ->> name is null
          and (name not in ('phone', 'phone_e164') or not t.fields ?| array['phone', 'phone_e164'])
        else value is distinct from case when turn = 1 then t.fields ->> name else prior end end
    )
    select target_id, line_number, name, value, before, is_last and value is distinct from before as is_final from written
    $sql$, v_staging) using p_import.tenant_id, p_import.duplicate_policy::text, v_columns, v_fill;

  if not p_import.is_dry_run then
    update lists.list_entries e
    set (full_name, first_name, middle_name, last_name, name_suffix, nickname, company_name, email, phone, phone_e164,
        address_line1, address_line2, city, state, postal_code, country, enrichment_status) =
      (select n.full_name, n.first_name, n.middle_name, n.last_name, n.name_suffix, n.nickname, n.company_name, n.email, n.phone, n.phone_e164,
        n.address_line1, n.address_line2, n.city, n.state, n.postal_code, n.country, 'pending'
        from jsonb_populate_record(e, c.changes) n)
    from (select target_id, jsonb_object_agg(name, value) as changes
      from pg_temp.import_changes where is_final group by target_id) c
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
    left join (
      select line_number, jsonb_object_agg(name, jsonb_build_object('before', before, 'after', value)) filter (where is_final) as previous
      from pg_temp.import_changes group by line_number) c on c.line_number = s.line_number
    where s.outcome = 'duplicate'
    $sql$, v_staging) using p_import.tenant_id, p_import.id, v_fill;
end
$$;
comment on function lists.apply_import_duplicates(lists.list_imports) is
  E'@behavior -*\nSkips, fills or overwrites as the import says, and records the outcome of every duplicate row with what undo needs.';
