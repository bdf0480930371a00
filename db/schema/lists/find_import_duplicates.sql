create or replace function lists.find_import_duplicates(p_import lists.list_imports) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_key text;
  v_undecided bigint;
begin
  -- 1. Rows that the list has already: the oldest entry with the same e-mail or phone.
  if exists (select from lists.list_entries where tenant_id = p_import.tenant_id and list_id = p_import.list_id and deleted_at is null) then
    execute format($sql$
      with known as (
        select e.id, e.email, e.phone_e164, e.created_at, e.line_number as entry_line from lists.list_entries e
        where e.tenant_id = $1 and e.list_id = $2 and e.deleted_at is null
      ), matches as (
        select s.line_number, k.* from %1$s s join known k on k.email = s.email
        union all
        select s.line_number, k.* from %1$s s join known k on k.phone_e164 = s.phone_e164
      ), oldest as (
        -- The entries of one import have one time; among them the line tells, as ids follow the order of the merge.
        select distinct on (line_number) line_number, id from matches order by line_number, created_at, entry_line nulls first, id
      )
      update %1$s s set outcome = 'duplicate', target_id = o.id from oldest o where o.line_number = s.line_number
      $sql$, v_staging) using p_import.tenant_id, p_import.list_id;
  end if;

  -- 2. Rows that share a key with another row of the file; all others are new beyond doubt.
  foreach v_key in array array['email', 'phone_e164'] loop
    execute format($sql$
      update %1$s s set outcome = 'undecided'
      from (select %2$I as key from %1$s where outcome is distinct from 'duplicate' and %2$I is not null group by 1 having count(*) > 1) k
      where s.%2$I = k.key and s.outcome is null
      $sql$, v_staging, v_key);
  end loop;

  -- 3. As if the rows came in one at a time: a row is new if no earlier row with one of its keys is in the list by then.
  -- Each round settles every row whose earliest neighbour is settled; a row is a duplicate of the first one that is new.
  for i in 1..100 loop
    execute format($sql$
      with open_rows as (
        select line_number, outcome,
          case when email is not null then first_value(line_number) over e end as email_line, first_value(outcome) over e as email_outcome,
          case when phone_e164 is not null then first_value(line_number) over p end as phone_line, first_value(outcome) over p as phone_outcome
        from %1$s where outcome in ('new', 'undecided')
        window e as (partition by email order by line_number), p as (partition by phone_e164 order by line_number)
      ), first_rows as (
        -- least() passes over nulls: an undecided row has one key at least.
        select line_number, least(email_line, phone_line) as first_line,
          case when email_line <= phone_line or phone_line is null then email_outcome else phone_outcome end as first_outcome
        from open_rows where outcome = 'undecided'
      ), decided as (
        select line_number, nullif(first_line, line_number) as target_line
        from first_rows where first_line = line_number or first_outcome = 'new'
      )
      update %1$s s
      set outcome = case when d.target_line is null then 'new' else 'duplicate' end, target_line = d.target_line
      from decided d where d.line_number = s.line_number
      $sql$, v_staging);
    get diagnostics v_undecided = row_count;
    exit when v_undecided = 0;
  end loop;
  -- Chains longer than that are kept as entries: a duplicate too many loses nothing.
end
$$;
comment on function lists.find_import_duplicates(lists.list_imports) is
  E'@behavior -*\nMarks in the staging table which rows are duplicates, and of what: of the oldest entry with the same e-mail or phone, or else of the first such row of the file.';
