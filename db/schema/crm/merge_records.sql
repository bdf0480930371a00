create or replace function crm.merge_records(p_target regclass, p_noun text, p_winner uuid, p_loser uuid, p_survivorship jsonb, p_groups jsonb)
returns crm.merges
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_is_contact constant boolean := p_target = 'crm.contacts'::regclass;
  v_rows record;
  v_role record;
  v_survivorship jsonb;
  v_survivors record;
  v_twice text;
  v_fields jsonb;
  v_merge crm.merges;
begin
  if jsonb_typeof(p_survivorship) <> 'object' then
    perform app.raise('VALIDATION_FAILED', format('The survivorship of a merge is an object such as {"title": "longest"}, not %s.',
      jsonb_typeof(p_survivorship)), 'survivorship');
  end if;
  if p_winner = p_loser then
    perform app.raise('VALIDATION_FAILED', format('Winner and loser are the same %s. Name two.', p_noun), 'loserId');
  end if;
  select * into v_rows from crm.lock_for_merge(p_target, p_winner, p_loser);
  for v_role in select * from (values ('winnerId', p_winner, v_rows.winner), ('loserId', p_loser, v_rows.loser)) v (field, id, found) loop
    if v_role.found is null then
      perform app.raise('NOT_FOUND', format('There is no %s %s.', p_noun, v_role.id), v_role.field);
    elsif v_role.found ->> 'deleted_at' is not null then
      select * into v_merge from crm.merges m where m.tenant_id = app.tenant_id() and m.undone_at is null
        and v_role.id in (m.loser_contact_id, m.loser_company_id);
      perform app.raise('INVALID_STATE', case when v_merge.id is null then format('The %s %s is deleted. Restore it first.', p_noun, v_role.id)
        else format('The %s %s was merged into %s already.', p_noun, v_role.id, coalesce(v_merge.winner_contact_id, v_merge.winner_company_id)) end, v_role.field);
    end if;
  end loop;

  -- Fields may be named as the API names them.
  select coalesce(jsonb_object_agg(lower(regexp_replace(key, '([A-Z])', '_\1', 'g')), value), '{}') into v_survivorship
  from jsonb_each(p_survivorship) where value <> 'null';
  select min(lower(regexp_replace(k, '([A-Z])', '_\1', 'g'))) into v_twice from jsonb_object_keys(p_survivorship) k
  group by lower(regexp_replace(k, '([A-Z])', '_\1', 'g')) having count(*) > 1 limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('The survivor of "%s" is chosen twice. Choose it once.', v_twice), 'survivorship');
  end if;
  select array_agg(distinct s.field) filter (where s.side = 'loser') as losers, array_agg(distinct s.field) filter (where s.side = 'winner') as winners,
    coalesce(jsonb_object_agg(c.name, jsonb_build_object('from', c.old, 'to', c.new)) filter (where c.old <> c.new and c.name not like 'primary\_%'), '{}') as fields
  into v_survivors
  from crm.survivors(p_target, v_rows.winner, v_rows.loser, v_survivorship, p_groups) s
  cross join lateral (
    select n as name, v_rows.winner -> n as old, case s.side when 'winner' then v_rows.winner -> n when 'loser' then v_rows.loser -> n
      else (v_rows.loser -> n) || (v_rows.winner -> n) end as new
    from unnest(s.columns) n
  ) c;
  v_fields := v_survivors.fields;

  insert into crm.merges (winner_contact_id, loser_contact_id, winner_company_id, loser_company_id, survivorship, fields, changes)
  select case when v_is_contact then p_winner end, case when v_is_contact then p_loser end,
    case when not v_is_contact then p_winner end, case when not v_is_contact then p_loser end, v_survivorship, v_fields,
    case when v_is_contact then crm.yield_primary_identifiers(p_winner, p_loser, v_survivors.losers)
      || crm.yield_primary_identifiers(p_loser, p_winner, v_survivors.winners) else '[]' end
  returning * into v_merge;
  -- The loser first: what is unique among the living, such as a domain, is then free for the winner.
  perform crm.alter_rows(p_target, array[p_loser], jsonb_build_object('deleted_at', now()));
  if v_fields <> '{}' then
    perform crm.alter_rows(p_target, array[p_winner], (select jsonb_object_agg(key, value -> 'to') from jsonb_each(v_fields)));
  end if;
  return v_merge;
end
$$;
comment on function crm.merge_records(regclass, text, uuid, uuid, jsonb, jsonb) is 'Merges two contacts or two companies; see merge_contacts().';
