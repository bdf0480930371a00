create or replace function crm.survivors(p_target regclass, p_winner jsonb, p_loser jsonb, p_survivorship jsonb, p_groups jsonb)
returns table (field text, columns text[], side text)
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_strategies constant text[] := '{winner,loser,newest,oldest,longest,filled,combine}';
  v_age constant integer := sign(extract(epoch from (p_loser ->> 'updated_at')::timestamptz - (p_winner ->> 'updated_at')::timestamptz));
  v_fields jsonb;
  v_choice record;
begin
  -- Columns that clients may write, each a field of its own unless it belongs to a group.
  select p_groups || jsonb_object_agg(a.attname, jsonb_build_array(a.attname)) into v_fields
  from pg_attribute a
  where a.attrelid = p_target and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attname <> 'deleted_at'
    and has_column_privilege('rowhouse_admin', a.attrelid, a.attnum, 'update')
    and not exists (select from jsonb_each(p_groups) g where g.value ? a.attname);

  for v_choice in select * from jsonb_each(p_survivorship) loop
    if not v_fields ? v_choice.key then
      perform app.raise('VALIDATION_FAILED', format('"%s" is not a field whose survivor can be chosen. These are: %s.', v_choice.key,
        (select string_agg(k, ', ' order by k) from jsonb_object_keys(v_fields) k)), 'survivorship');
    end if;
    if jsonb_typeof(v_choice.value) <> 'string' or v_choice.value #>> '{}' <> all (v_strategies) then
      perform app.raise('VALIDATION_FAILED', format('The survivor of "%s" cannot be chosen by %s. It is chosen by one of: %s.', v_choice.key, v_choice.value,
        array_to_string(v_strategies, ', ')), 'survivorship');
    end if;
    if v_choice.value = '"combine"' and coalesce(jsonb_typeof(p_winner -> v_choice.key), '') <> 'object' then
      perform app.raise('VALIDATION_FAILED', format('"%s" is one value and cannot be combined; only JSON objects can.', v_choice.key), 'survivorship');
    end if;
  end loop;

  return query
  select f.key, f.columns, case coalesce(p_survivorship ->> f.key, 'default')
      when 'winner' then 'winner'
      when 'loser' then 'loser'
      when 'combine' then 'combine'
      when 'default' then case
        -- Whoever wants no messages wants none under the other record either.
        when f.key = 'status' and p_loser ->> 'status' = 'unsubscribed' then 'loser'
        when jsonb_typeof(p_winner -> f.key) = 'object' then 'combine'
        when f.winner_has = 0 and f.loser_has > 0 then 'loser' else 'winner' end
      else case
        when f.loser_has = 0 then 'winner'
        when f.winner_has = 0 then 'loser'
        when p_survivorship ->> f.key = 'newest' and v_age > 0 then 'loser'
        when p_survivorship ->> f.key = 'oldest' and v_age < 0 then 'loser'
        when p_survivorship ->> f.key = 'longest' and f.loser_has > f.winner_has then 'loser'
        else 'winner' end
    end
  from (
    select e.key, c.columns,
      (select coalesce(sum(length(p_winner ->> n)), 0) from unnest(c.columns) n) as winner_has,
      (select coalesce(sum(length(p_loser ->> n)), 0) from unnest(c.columns) n) as loser_has
    from jsonb_each(v_fields) e cross join lateral (select array(select jsonb_array_elements_text(e.value)) as columns) c
  ) f;
end
$$;
comment on function crm.survivors(regclass, jsonb, jsonb, jsonb, jsonb) is
  'Whose value of each field survives a merge: the winner''s, the loser''s, or of a JSON object both combined. Columns that mean something only together are one field.';
