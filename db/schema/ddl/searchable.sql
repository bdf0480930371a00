create or replace function ddl.searchable(p_table regclass, p_vector text, p_fuzzy text, p_fields text[], p_pending_kib integer default 4096) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := (select relnamespace::regnamespace::text from pg_class where oid = p_table);
  v_name text := (select relname from pg_class where oid = p_table);
  v_living text := case when exists (select from pg_attribute where attrelid = p_table and attname = 'deleted_at' and not attisdropped)
    then 't.deleted_at is null' else 'true' end;
  v_scope text := ddl.scope(p_table) || ':read';
  v_alike text;
begin
  v_alike := case when p_fuzzy is null then format($alike$
        -- What sounds alike; the vector has the sounds, too.
        return query execute format($q$
          select t.id, 0.001::float8 from %1$s t
          where t.tenant_id = %%2$L and %2$s and t.search_vector @@ %%1$L::tsquery and not t.search_vector @@ %%3$L::tsquery
          order by 1 desc limit 100 $q$, app.search_sounds_query(p_query), app.tenant_id(), v_query);$alike$, p_table, v_living)
    else format($alike$
        -- How alike is alike enough, for this transaction.
        perform set_config('pg_trgm.word_similarity_threshold', '0.4', true);
        return query execute format($q$
          select t.id, (word_similarity(%%1$L, %3$s) / 100)::float8 from %1$s t
          where t.tenant_id = %%2$L and %2$s and %%1$L <%%%% (%3$s) and not t.search_vector @@ %%3$L::tsquery
          order by 2 desc, 1 desc limit 100 $q$, app.fold(p_query), app.tenant_id(), v_query);$alike$, p_table, v_living, p_fuzzy) end;

  execute format('alter table %s add column if not exists search_vector tsvector not null generated always as (%s) stored', p_table, p_vector);
  execute format('comment on column %s.search_vector is %L', p_table, E'@behavior -*\nWords by which it is found; kept by the database.');
  -- With the tenant in it, so that a tenant's search reads the tenant's words only.
  execute format('create index if not exists %I on %s using gin (tenant_id extensions.uuid_ops, search_vector) with (gin_pending_list_limit = %s)',
    v_name || '_search_vector_idx', p_table, p_pending_kib);
  if p_fuzzy is not null then
    execute format('create index if not exists %I on %s using gin (tenant_id extensions.uuid_ops, (%s) extensions.gin_trgm_ops) with (gin_pending_list_limit = %s)',
      v_name || '_fuzzy_idx', p_table, p_fuzzy, p_pending_kib);
  end if;
  execute format('grant select on %s to rowhouse_definer', p_table);

  -- Matching words is not leakproof, so row-level security would keep its index from serving: this function passes by
  -- the policies, with the tenant written out, and gives nothing but ids of that tenant.
  execute 'set local role rowhouse_definer';
  execute format($sql$
    create or replace function app.find_%2$I(p_query text) returns table (id uuid, rank float8)
    language plpgsql stable security definer set search_path to pg_catalog, extensions as $body$
    declare
      v_query tsquery := app.search_query(p_query);
      v_found bigint;
    begin
      perform app.require_scope(%6$L);
      if v_query is null then
        return;
      end if;
      -- As text, so that it is planned for this tenant and these words. A word that is everywhere is not ranked to the end.
      return query execute format($q$
        select f.id, (ts_rank(f.search_vector, %%1$L) + case when f.search_vector @@ %%2$L then 1 else 0 end)::float8
        from (select t.id, t.search_vector from %1$s t
          where t.tenant_id = %%3$L and %4$s and t.search_vector @@ %%1$L::tsquery limit 2000) f
        order by 2 desc, 1 desc limit 1000 $q$, v_query, coalesce(app.search_query(p_query, true), v_query), app.tenant_id());
      get diagnostics v_found = row_count;
      if v_found < 20 and p_query !~ '["-]' and length(p_query) >= 3 then
        %5$s
      end if;
    end
    $body$ $sql$, p_table, v_name, p_fuzzy, v_living, v_alike, v_scope);
  execute format('comment on function app.find_%I(text) is %L', v_name,
    format('Ids of the %s of this tenant that a search finds, with their ranks: at most a thousand, then what is spelt alike.', replace(v_name, '_', ' ')));
  execute format('grant execute on function app.find_%I(text) to rowhouse_viewer', v_name);
  execute format('revoke all on function app.find_%I(text) from public', v_name);
  execute 'set local role rowhouse_owner';

  execute format($sql$
    create or replace function %1$I.search_%2$I(query text) returns setof %3$s
    language sql stable rows 100
    begin atomic
      select t.* from app.find_%2$I(query) f join %3$s t on t.tenant_id = app.tenant_id() and t.id = f.id
      order by f.rank desc, t.id desc;
    end $sql$, v_schema, v_name, p_table);
  execute format('comment on function %I.search_%I(text) is %L', v_schema, v_name, format(
    'Finds %s by words, beginnings of words, "phrases", -words, phone numbers and e-mail addresses, best first; when little is found, also what is spelt alike. At most a thousand.',
    replace(v_name, '_', ' ')));
  execute format('grant execute on function %I.search_%I(text) to rowhouse_viewer', v_schema, v_name);

  execute format($sql$
    create or replace function %1$I.%2$I(p_row %3$s, query text) returns jsonb
    language sql stable
    begin atomic
      select coalesce(jsonb_agg(jsonb_build_object('field', v.field, 'snippet', v.snippet)), '[]')
      from (values %4$s) v (field, snippet) where v.snippet is not null;
    end $sql$, v_schema, v_name || '_highlights', p_table,
    (select string_agg(format('(%L, app.highlight(p_row.%I, query))', f, f), ', ') from unnest(p_fields) f));
  execute format('comment on function %I.%I(%s, text) is %L', v_schema, v_name || '_highlights', p_table,
    'Where a search is found in the row: an array of {field, snippet}; the snippet is HTML with the words in <mark>.');
  execute format('grant execute on function %I.%I(%s, text) to rowhouse_viewer', v_schema, v_name || '_highlights', p_table);
end
$$;
comment on function ddl.searchable(regclass, text, text, text[], integer) is
  'Makes a table searchable: a vector of weighted words with its index, an index of trigrams over a text for what is spelt alike (or null, where the vector has app.search_sounds() in it), a query search_<table> in the API, and highlights of the named columns. A larger pending list (in KiB) makes mass imports cheaper, and a search right after one dearer.';
