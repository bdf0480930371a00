create or replace function crm.merge_references(p_target regclass)
returns table (source regclass, key text, is_deletable boolean, has_primary boolean)
language sql stable set search_path to pg_catalog
begin atomic
  -- Partitions are reached through their table; the merges themselves are history.
  select k.conrelid::regclass, a.attname::text,
    exists (select from pg_attribute d where d.attrelid = k.conrelid and d.attname = 'deleted_at' and not d.attisdropped),
    exists (select from pg_attribute d where d.attrelid = k.conrelid and d.attname = 'is_primary' and not d.attisdropped)
  from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[cardinality(k.conkey)]
  where k.contype = 'f' and k.confrelid = p_target and k.conparentid = 0 and k.conrelid <> 'crm.merges'::regclass
  order by k.conrelid::regclass::text, a.attname;
end;
comment on function crm.merge_references(regclass) is
  'Every reference to a table, in any schema, as the catalogue has it: a new table takes part in merges without a line.';

create or replace function crm.merge_conflicts(p_source regclass, p_key text, p_loser uuid, p_winner uuid, p_is_primary boolean)
returns table (loser_row uuid, winner_row uuid)
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_index record;
begin
  for v_index in
    select coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') as living,
      coalesce((select string_agg(format(', %s as k%s', pg_get_indexdef(i.indexrelid, n, false), n), '') from unnest(c.others) n), '') as keys,
      coalesce((select string_agg(format('l.k%1$s = w.k%1$s', n), ' and ') from unnest(c.others) n), 'true') as same
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attname = p_key
    join pg_attribute t on t.attrelid = i.indrelid and t.attname = 'tenant_id'
    cross join lateral (select array(select n from generate_series(1, i.indnkeyatts) n
      where i.indkey[n - 1] not in (a.attnum, t.attnum)) as others) c
    where i.indrelid = p_source and i.indisunique and not i.indisprimary and a.attnum = any (i.indkey)
      and p_is_primary = (coalesce(pg_get_expr(i.indpred, i.indrelid), '') ~ '\mis_primary\M')
    order by i.indexrelid
  loop
    return query execute format(
      'select l.id, w.id from (select id%1$s from %2$s where tenant_id = app.tenant_id() and %3$I = $1 and (%4$s)) l
       join (select id%1$s from %2$s where tenant_id = app.tenant_id() and %3$I = $2 and (%4$s)) w on %5$s',
      v_index.keys, p_source, p_key, v_index.living, v_index.same) using p_loser, p_winner;
  end loop;
end
$$;
comment on function crm.merge_conflicts(regclass, text, uuid, uuid, boolean) is
  'The rows of the loser that a unique index would refuse beside a row of the winner; of the indexes that keep one row primary, or of all others.';
