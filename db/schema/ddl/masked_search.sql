create or replace function ddl.masked_search(p_table text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := split_part(p_table, '.', 1);
  v_name text := split_part(p_table, '.', 2);
  v_living text := case when exists (select from pg_attribute where attrelid = p_table::regclass and attname = 'deleted_at' and not attisdropped)
    then 't.deleted_at is null' else 'true' end;
  v_vector text := (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    where d.adrelid = p_table::regclass and a.attname = 'search_vector');
  v_index regclass := to_regclass(format('%I.%I', v_schema, v_name || '_fuzzy_idx'));
  v_fuzzy text := pg_get_indexdef(v_index, 2, true);
  -- The row without what is masked: what is found by that alone is not found, and what excludes by it does not.
  v_clean text := format('cross join lateral (select %s as vector, %s as fuzzy from (select %s) c) k',
    v_vector, coalesce(v_fuzzy, 'null::text'), ddl.masked_columns(p_table, true));
  v_scope text := ddl.scope(p_table::regclass) || ':read';
  v_alike text;
begin
  v_alike := case when v_fuzzy is null then format($alike$
      return query execute format($q$
        select f.id, 0.001::float8
        from (select t.id, k.vector from %1$s t %3$s where t.tenant_id = %%3$L and %2$s and t.search_vector @@ %%1$L::tsquery limit 2000) f
        where f.vector @@ %%1$L::tsquery and not f.vector @@ %%2$L::tsquery
        order by 1 desc limit 100 $q$, app.search_sounds_query(p_query), v_query, app.tenant_id());$alike$, p_table, v_living, v_clean)
    else format($alike$
      perform set_config('pg_trgm.word_similarity_threshold', '0.4', true);
      return query execute format($q$
        select f.id, (word_similarity(%%1$L, f.fuzzy) / 100)::float8
        from (select t.id, k.vector, k.fuzzy from %1$s t %3$s where t.tenant_id = %%3$L and %2$s and %%1$L <%%%% (%4$s) limit 2000) f
        where %%1$L <%%%% f.fuzzy and not f.vector @@ %%2$L::tsquery
        order by 2 desc, 1 desc limit 100 $q$, app.fold(p_query), v_query, app.tenant_id());$alike$, p_table, v_living, v_clean, v_fuzzy) end;

  execute 'set local role rowhouse_definer';
  execute format($sql$
    create or replace function app.find_masked_%2$I(p_query text) returns table (id uuid, rank float8)
    language plpgsql stable security definer set search_path to pg_catalog, extensions as $body$
    declare
      v_query tsquery := app.search_query(p_query);
      v_candidates tsquery := app.search_candidates(p_query);
      v_found bigint;
    begin
      perform app.require_scope(%6$L);
      if v_query is null or v_candidates is null then
        return;
      end if;
      return query execute format($q$
        select f.id, (ts_rank(f.vector, %%1$L) + case when f.vector @@ %%2$L then 1 else 0 end)::float8
        from (select t.id, k.vector from %1$s t %3$s where t.tenant_id = %%3$L and %4$s and t.search_vector @@ %%4$L::tsquery limit 2000) f
        where f.vector @@ %%1$L::tsquery
        order by 2 desc, 1 desc limit 1000 $q$, v_query, coalesce(app.search_query(p_query, true), v_query), app.tenant_id(), v_candidates);
      get diagnostics v_found = row_count;
      if v_found < 20 and p_query !~ '["-]' and length(p_query) >= 3 then
        %5$s
      end if;
    end
    $body$ $sql$, p_table, v_name, v_clean, v_living, v_alike, v_scope);
  execute format('comment on function app.find_masked_%I(text) is %L', v_name,
    format('Ids of the %s of this tenant that a search finds without their e-mail addresses and phone numbers, with their ranks.', replace(v_name, '_', ' ')));
  execute format('grant execute on function app.find_masked_%I(text) to rowhouse_viewer_masked', v_name);
  execute format('revoke all on function app.find_masked_%I(text) from public', v_name);
  execute 'set local role rowhouse_owner';

  execute format('create or replace function %s(query text) returns setof %s language sql stable rows 100 as %L',
    ddl.masked_name(v_schema || '.search_' || v_name), p_table, format(
      'select t.* from app.find_masked_%I(query) f join %s() t on t.id = f.id order by f.rank desc, t.id desc', v_name, ddl.masked_name(p_table)));
  execute format('comment on function %s(text) is %L', ddl.masked_name(v_schema || '.search_' || v_name),
    format('The search of %s for masked viewers.', p_table));
  execute format('grant execute on function %s(text) to rowhouse_viewer_masked', ddl.masked_name(v_schema || '.search_' || v_name));
end
$$;
comment on function ddl.masked_search(text) is
  'Makes the search of a table for masked viewers: the index finds candidates by what is wanted, and only those count that are found without what is masked. Neither a word nor its exclusion tells what is in a masked column.';
