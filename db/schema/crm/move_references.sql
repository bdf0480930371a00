create or replace function crm.move_references() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_winner uuid := coalesce(new.winner_contact_id, new.winner_company_id);
  v_loser uuid := coalesce(new.loser_contact_id, new.loser_company_id);
  v_reference record;
  v_conflict record;
  v_dropped uuid[];
  v_twins uuid[];
  v_ids uuid[];
  v_id uuid;
  v_altered jsonb;
begin
  for v_reference in
    select * from crm.merge_references(case when new.winner_contact_id is null then 'crm.companies' else 'crm.contacts' end::regclass)
  loop
    v_dropped := '{}';
    v_twins := '{}';
    v_altered := '[]';
    for v_conflict in
      select distinct on (c.loser_row) c.* from crm.merge_conflicts(v_reference.source, v_reference.key, v_loser, v_winner, false) c
      order by c.loser_row, c.winner_row
    loop
      v_dropped := v_dropped || v_conflict.loser_row;
      v_twins := v_twins || v_conflict.winner_row;
      if v_reference.is_deletable then
        begin
          v_altered := v_altered || crm.alter_rows(v_reference.source, array[v_conflict.loser_row], jsonb_build_object('deleted_at', now()));
        exception when sqlstate 'RH006' then
          null; -- Its table does not let go of it, such as a recipient who was written to: it stays with the loser as it is.
        end;
      end if;
    end loop;

    if v_reference.has_primary then
      v_altered := v_altered || crm.alter_rows(v_reference.source, array(
        select c.loser_row from crm.merge_conflicts(v_reference.source, v_reference.key, v_loser, v_winner, true) c
        where c.loser_row <> all (v_dropped)), '{"is_primary": false}');
    end if;

    execute format('with moved as (update %1$s set %2$I = $1 where tenant_id = app.tenant_id() and %2$I = $2 and id <> all ($3) returning id)
      select coalesce(array_agg(id order by id), ''{}'') from moved', v_reference.source, v_reference.key)
    using v_winner, v_loser, v_dropped into v_ids;

    if v_ids <> '{}' or v_dropped <> '{}' then
      if v_reference.has_primary then
        -- What stands for a dropped row is primary in its place, unless there is another one.
        for v_id in execute format('select w.id from unnest($1, $2) d (loser_row, winner_row)
            join %1$s l on l.tenant_id = app.tenant_id() and l.id = d.loser_row
            join %1$s w on w.tenant_id = app.tenant_id() and w.id = d.winner_row
            where l.is_primary and not w.is_primary order by w.id', v_reference.source) using v_dropped, v_twins
        loop
          begin
            v_altered := v_altered || crm.alter_rows(v_reference.source, array[v_id], '{"is_primary": true}');
          exception when unique_violation then
            null;
          end;
        end loop;
      end if;
      new.changes := new.changes || jsonb_build_object('table', v_reference.source::text, 'key', v_reference.key,
        'moved', to_jsonb(v_ids), 'dropped', to_jsonb(v_dropped), 'altered', v_altered);
      new.moved_count := new.moved_count + cardinality(v_ids);
      new.dropped_count := new.dropped_count + cardinality(v_dropped);
    end if;
  end loop;
  return new;
end
$$;
comment on function crm.move_references() is
  'Points whatever refers to the loser of a merge at its winner. It is the trigger of the merge''s row, so that append-only tables, which refuse whoever changes them directly, let it pass.';
select ddl.trigger('crm.merges', '_300_move', 'before insert for each row when (new.undone_at is null) execute function crm.move_references()');

create or replace function crm.move_references_back() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_change jsonb;
  v_both constant uuid[] := array[coalesce(old.loser_contact_id, old.loser_company_id), coalesce(old.winner_contact_id, old.winner_company_id)];
  v_source regclass;
  v_row jsonb;
  v_id uuid;
begin
  for v_change in select c from jsonb_array_elements(old.changes) with ordinality u (c, n) order by n desc loop
    -- A table that was dropped since has nothing to give back.
    v_source := to_regclass(v_change ->> 'table');
    continue when v_source is null;
    if v_change -> 'moved' <> '[]' then
      -- A row that is gone since stays gone, and one that somebody pointed elsewhere stays there.
      execute format('update %1$s set %2$I = $1 where tenant_id = app.tenant_id() and %2$I = $2 and id = any ($3)', v_source, v_change ->> 'key')
      using v_both[1], v_both[2], array(select i::uuid from jsonb_array_elements_text(v_change -> 'moved') i);
    end if;
    for v_row in select a from jsonb_array_elements(v_change -> 'altered') with ordinality u (a, n) order by n desc loop
      execute format('select id from %1$s where tenant_id = app.tenant_id() and %2$I = any ($1) and id = $2', v_source, v_change ->> 'key')
      into v_id using v_both, (v_row ->> 'id')::uuid;
      perform crm.alter_rows(v_source, array[v_id], v_row -> 'before') where v_id is not null;
    end loop;
  end loop;
  return new;
end
$$;
comment on function crm.move_references_back() is 'Points what a merge moved at the loser again, and gives the other rows it touched their values of before, last things first.';
select ddl.trigger('crm.merges', '_300_move_back',
  'before update for each row when (old.undone_at is null and new.undone_at is not null) execute function crm.move_references_back()');
