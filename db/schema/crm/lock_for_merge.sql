create or replace function crm.lock_for_merge(p_target regclass, p_winner uuid, p_loser uuid, out winner jsonb, out loser jsonb)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_row jsonb;
  v_id uuid;
begin
  -- In the order of their ids, so that two merges of the same records take turns. The lock also holds up those who are
  -- about to refer to one of the records.
  for v_id in select i from unnest(array[p_winner, p_loser]) i order by i loop
    execute format('select to_jsonb(t) from %s t where t.tenant_id = app.tenant_id() and t.id = $1 for update', p_target) using v_id into v_row;
    if v_id = p_winner then
      winner := v_row;
    end if;
    if v_id = p_loser then
      loser := v_row;
    end if;
  end loop;
end
$$;
comment on function crm.lock_for_merge(regclass, uuid, uuid) is 'Locks two records against changes and new references, and reads them; null where there is none.';
