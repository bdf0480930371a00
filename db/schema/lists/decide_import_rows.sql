create or replace function lists.decide_import_rows(p_import lists.list_imports, p_living text, p_key_count integer) returns void
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' as $$
declare
  v_staging text := lists.import_staging_name(p_import.id);
  v_fills boolean := p_import.duplicate_policy = 'fill';
  v_overwrites boolean := p_import.duplicate_policy = 'overwrite';
  -- Per entry, the key it holds at this moment: 0 is none, -1 is one that nothing else in play has.
  v_emails integer[] := '{}';
  v_phones integer[] := '{}';
  -- Who they are: entries of the list, youngest first, then rows of the file in order.
  v_ids uuid[] := '{}';
  v_lines bigint[] := '{}';
  v_old_count integer := 0;
  v_count integer;
  -- Per key, a chain of the entries that have or had it. The oldest that has it is the first that still has it: who comes to
  -- a key was the oldest of all that had it, so each is put before the others.
  v_heads integer[] := array_fill(0, array[p_key_count]);
  v_chain_entries integer[] := '{}';
  v_chain_nexts integer[] := '{}';
  v_length integer := 0;
  v_found_lines bigint[] := '{}';
  v_found_ids uuid[] := '{}';
  v_found_targets bigint[] := '{}';
  v_found integer := 0;
  v_link integer;
  v_by_email integer;
  v_by_phone integer;
  v_target integer;
  v_keys integer[];
  v_key integer;
  r record;
begin
  for r in execute format($sql$
    with held as (
      select e.id from %1$s_keys k join lists.list_entries e on e.email = k.key where k.is_email and %2$s
      union select e.id from %1$s_keys k join lists.list_entries e on e.phone_e164 = k.key where not k.is_email and %2$s
    )
    select e.id, coalesce(ke.n, case when e.email is null then 0 else -1 end) as email,
      coalesce(kp.n, case when coalesce(e.phone, e.phone_e164) is null then 0 else -1 end) as phone
    from held join lists.list_entries e on e.id = held.id and e.tenant_id = %3$L
    left join %1$s_keys ke on ke.is_email and ke.key = e.email
    left join %1$s_keys kp on not kp.is_email and kp.key = e.phone_e164
    order by e.id desc
    $sql$, v_staging, p_living, p_import.tenant_id)
  loop
    v_old_count := v_old_count + 1;
    v_ids[v_old_count] := r.id;
    v_emails[v_old_count] := r.email;
    v_phones[v_old_count] := r.phone;
    foreach v_key in array array[r.email, r.phone] loop
      continue when v_key <= 0;
      v_length := v_length + 1;
      v_chain_entries[v_length] := v_old_count;
      v_chain_nexts[v_length] := v_heads[v_key];
      v_heads[v_key] := v_length;
    end loop;
  end loop;
  v_count := v_old_count;

  for r in execute format($sql$
    select s.line_number, coalesce(ke.n, case when s.email is null then 0 else -1 end) as email,
      coalesce(kp.n, case when coalesce(s.phone, s.phone_e164) is null then 0 else -1 end) as phone
    from %1$s s
    left join %1$s_keys ke on ke.is_email and ke.key = s.email
    left join %1$s_keys kp on not kp.is_email and kp.key = s.phone_e164
    where ke.n is not null or kp.n is not null
    order by s.line_number
    $sql$, v_staging)
  loop
    v_by_email := 0;
    while r.email > 0 and v_by_email = 0 and v_heads[r.email] > 0 loop
      v_link := v_heads[r.email];
      if v_emails[v_chain_entries[v_link]] = r.email then
        v_by_email := v_chain_entries[v_link];
      else
        v_heads[r.email] := v_chain_nexts[v_link];
      end if;
    end loop;
    v_by_phone := 0;
    while r.phone > 0 and v_by_phone = 0 and v_heads[r.phone] > 0 loop
      v_link := v_heads[r.phone];
      if v_phones[v_chain_entries[v_link]] = r.phone then
        v_by_phone := v_chain_entries[v_link];
      else
        v_heads[r.phone] := v_chain_nexts[v_link];
      end if;
    end loop;
    -- The older one: among entries of the list that with the higher number, otherwise that with the lower.
    v_target := case when v_by_email = 0 then v_by_phone when v_by_phone = 0 then v_by_email
      when v_by_email <= v_old_count and v_by_phone <= v_old_count then greatest(v_by_email, v_by_phone)
      else least(v_by_email, v_by_phone) end;
    v_keys := array[0, 0];
    if v_target = 0 then
      v_count := v_count + 1;
      v_target := v_count;
      v_lines[v_target - v_old_count] := r.line_number;
      v_emails[v_target] := r.email;
      v_phones[v_target] := r.phone;
      v_keys := array[r.email, r.phone];
    else
      v_found := v_found + 1;
      v_found_lines[v_found] := r.line_number;
      v_found_ids[v_found] := case when v_target <= v_old_count then v_ids[v_target] end;
      v_found_targets[v_found] := case when v_target > v_old_count then v_lines[v_target - v_old_count] end;
      if r.email not in (0, v_emails[v_target]) and (v_overwrites or v_fills and v_emails[v_target] = 0) then
        v_emails[v_target] := r.email;
        v_keys[1] := r.email;
      end if;
      if r.phone not in (0, v_phones[v_target]) and (v_overwrites or v_fills and v_phones[v_target] = 0) then
        v_phones[v_target] := r.phone;
        v_keys[2] := r.phone;
      end if;
    end if;
    foreach v_key in array v_keys loop
      continue when v_key <= 0;
      v_length := v_length + 1;
      v_chain_entries[v_length] := v_target;
      v_chain_nexts[v_length] := v_heads[v_key];
      v_heads[v_key] := v_length;
    end loop;
  end loop;

  execute format('create unlogged table %s_duplicates as select null::bigint as line_number, null::uuid as target_id, null::bigint as target_line limit 0', v_staging);
  execute format('insert into %s_duplicates select * from unnest($1, $2, $3)', v_staging) using v_found_lines, v_found_ids, v_found_targets;
  execute format('analyze %s_duplicates', v_staging);
end
$$;
comment on function lists.decide_import_rows(lists.list_imports, text, integer) is
  E'@behavior -*\nTakes the rows that share a key one at a time in the order of the file, and notes which of them are duplicates of what: of the oldest entry that has their e-mail or phone by then. Rows that share no key need no look.';
