create or replace function crm.undo_merge(merge_id uuid) returns crm.merges
language plpgsql volatile security definer set search_path to pg_catalog as $$
declare
  v_merge crm.merges;
  v_later crm.merges;
  v_target regclass;
  v_noun text;
  v_winner uuid;
  v_loser uuid;
  v_rows record;
  v_changed text;
  v_table text;
  v_constraint text;
begin
  perform app.require_scope('crm:write');
  select * into v_merge from crm.merges m where m.tenant_id = app.tenant_id() and m.id = undo_merge.merge_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no merge %s.', undo_merge.merge_id), 'mergeId');
  elsif v_merge.undone_at is not null then
    perform app.raise('INVALID_STATE', format('Merge %s was undone already.', v_merge.id), 'mergeId');
  end if;
  v_noun := case when v_merge.winner_contact_id is null then 'company' else 'contact' end;
  v_target := case v_noun when 'contact' then 'crm.contacts' else 'crm.companies' end;
  v_winner := coalesce(v_merge.winner_contact_id, v_merge.winner_company_id);
  v_loser := coalesce(v_merge.loser_contact_id, v_merge.loser_company_id);
  select * into v_rows from crm.lock_for_merge(v_target, v_winner, v_loser);

  -- Ids are made under the locks of the records, so they tell which merge came after which.
  select * into v_later from crm.merges m
  where m.tenant_id = v_merge.tenant_id and m.undone_at is null and m.id > v_merge.id
    and (v_winner in (m.winner_contact_id, m.loser_contact_id, m.winner_company_id, m.loser_company_id))
  order by m.id desc limit 1;
  if found then
    perform app.raise('INVALID_STATE', format('The %s %s was merged again later. Undo merge %s first.', v_noun, v_winner, v_later.id), 'mergeId');
  end if;
  if v_rows.winner ->> 'deleted_at' is not null then
    perform app.raise('INVALID_STATE', format('The %s %s, which the other one was merged into, is deleted. Restore it first.', v_noun, v_winner), 'mergeId');
  end if;
  select string_agg(f.key, ', ' order by f.key) into v_changed
  from jsonb_each(v_merge.fields) f where v_rows.winner -> f.key is distinct from f.value -> 'to';
  if v_changed is not null then
    perform app.raise('CONFLICT', format('The %s %s was changed since the merge, which took over: %s. Set them to what the merge made of them, or keep the merge.',
      v_noun, v_winner, v_changed), 'mergeId', jsonb_build_object('fields', v_merge.fields));
  end if;

  begin
    -- The winner first: it gives back what is unique among the living, such as a domain.
    if v_merge.fields <> '{}' then
      perform crm.alter_rows(v_target, array[v_winner], (select jsonb_object_agg(key, value -> 'from') from jsonb_each(v_merge.fields)));
    end if;
    update crm.merges m set undone_at = now(), undone_by = app.actor_id() where m.tenant_id = v_merge.tenant_id and m.id = v_merge.id
    returning * into v_merge;
    perform crm.alter_rows(v_target, array[v_loser], '{"deleted_at": null}');
  exception when unique_violation then
    get stacked diagnostics v_table = table_name, v_constraint = constraint_name;
    perform app.raise('CONFLICT', case when v_constraint like '%\_is\_primary\_key'
      then format('Merge %s cannot be undone: among the %s, another row became primary instead of one that would be again. Make that one ordinary first.',
        merge_id, replace(v_table, '_', ' '))
      else format('Merge %s cannot be undone: among the %s, another row has taken the %s of one that would come back. Change or delete that one first.',
        merge_id, replace(v_table, '_', ' '), replace(regexp_replace(v_constraint, format('^%s_|_key$', v_table), '', 'g'), '_', ' ')) end, 'mergeId');
  end;
  return v_merge;
end
$$;
comment on function crm.undo_merge(uuid) is
  'Takes a merge back: the loser lives again, what referred to it refers to it again, and both have their values of before the merge. What happened to the winner since stays with the winner. '
  'Merges of the same record are undone last first; it is refused when the winner is deleted, or a field that the merge had changed was changed again.';
grant execute on function crm.undo_merge(uuid) to rowhouse_manager;
