create or replace function app.search_terms(p_query text) returns table (words text[], is_phrase boolean, is_excluded boolean)
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
declare
  v_match text[];
begin
  if length(p_query) > 300 then
    perform app.raise('LIMIT_EXCEEDED', format('A search has at most 300 characters; this one has %s.', length(p_query)), 'query',
      jsonb_build_object('limit', 300, 'count', length(p_query)));
  end if;
  -- What looks like a phone number is one term, however it is written.
  if p_query ~ '^[\s0-9+()./-]+$' and length(regexp_replace(p_query, '\D', '', 'g')) >= 4 then
    words := array[regexp_replace(p_query, '\D', '', 'g')];
    is_phrase := false;
    is_excluded := false;
    return next;
    return;
  end if;
  for v_match in select regexp_matches(app.fold(coalesce(p_query, '')), '(-?)(?:"([^"]*)"?|([^\s"]+))', 'g') loop
    words := array(select w from regexp_split_to_table(coalesce(v_match[2], v_match[3]), '[^[:alnum:]]+') w where w <> '');
    is_phrase := v_match[2] is not null;
    is_excluded := v_match[1] = '-';
    if cardinality(words) > 0 then
      return next;
    end if;
  end loop;
end
$$;
comment on function app.search_terms(text) is
  'What somebody looks for: words that must all be there, "phrases", and -words that must not; whatever is typed means something.';

create or replace function app.search_query(p_query text, p_is_exact boolean default false) returns tsquery
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
declare
  v_wanted tsquery;
  v_excluded tsquery;
  v_term record;
  v_part tsquery;
begin
  for v_term in select * from app.search_terms(p_query) loop
    -- Words are letters and digits only here, so they need no quoting. The words of a phrase follow each other; other
    -- words may be the beginnings of longer ones.
    v_part := case when v_term.is_phrase or p_is_exact
      then to_tsquery('pg_catalog.simple', array_to_string(v_term.words, case when v_term.is_phrase then ' <-> ' else ' & ' end))
      else to_tsquery('pg_catalog.simple', array_to_string(v_term.words, ':* & ') || ':*') end;
    if v_term.is_excluded then
      v_excluded := coalesce(v_excluded || v_part, v_part);
    else
      v_wanted := coalesce(v_wanted && v_part, v_part);
    end if;
  end loop;
  return case when v_excluded is null or v_wanted is null then v_wanted else v_wanted && !!v_excluded end;
end
$$;
comment on function app.search_query(text, boolean) is 'A search as PostgreSQL runs it; null when nothing is looked for.';

create or replace function app.search_candidates(p_query text) returns tsquery
language sql immutable parallel safe
return app.search_query(case when p_query ~ '^[\s0-9+()./-]+$' then p_query else regexp_replace(p_query, '-("[^"]*"?|[^\s"]+)', '', 'g') end);
comment on function app.search_candidates(text) is 'A search without what it excludes: whatever the search finds, this finds, too.';

create or replace function app.search_sounds_query(p_query text) returns tsquery
language sql immutable parallel safe
begin atomic
  select coalesce(array_to_string(tsvector_to_array(app.search_sounds(p_query)), ' & '), '')::tsquery;
end;
comment on function app.search_sounds_query(text) is 'The sounds of what somebody looks for, all of them wanted.';

create or replace function app.highlight(p_value text, p_query text) returns text
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
declare
  v_words text[] := array(select distinct w from app.search_terms(p_query) t, unnest(t.words) w where not t.is_excluded);
  v_folded text := app.fold(p_value);
  v_pattern text;
  v_from integer := 1;
  v_at integer;
  v_end integer;
  v_result text := '';
begin
  if p_value is null or cardinality(v_words) = 0 then
    return null;
  end if;
  -- Where folding changes the length of a text, its places are not those of the text.
  if length(v_folded) <> length(p_value) then
    v_folded := lower(p_value);
  end if;
  v_pattern := case when p_value ~ '^\+[0-9]+$' then '(' else '\m(' end || array_to_string(v_words, '|') || ')[[:alnum:]]*';
  v_at := regexp_instr(v_folded, v_pattern);
  if v_at = 0 then
    return null;
  end if;
  -- Of a long text, what stands around the first match.
  if length(p_value) > 300 then
    v_from := greatest(1, v_at - 60);
    v_result := case when v_from > 1 then '…' else '' end;
    v_folded := left(v_folded, v_from + 239);
  end if;
  while v_at > 0 loop
    v_end := regexp_instr(v_folded, v_pattern, v_at, 1, 1);
    v_result := v_result || app.escape_html(substr(p_value, v_from, v_at - v_from)) || '<mark>'
      || app.escape_html(substr(p_value, v_at, v_end - v_at)) || '</mark>';
    v_from := v_end;
    v_at := regexp_instr(v_folded, v_pattern, v_from);
  end loop;
  return v_result || app.escape_html(substr(p_value, v_from, greatest(0, length(v_folded) - v_from + 1)))
    || case when length(v_folded) < length(p_value) then '…' else '' end;
end
$$;
comment on function app.highlight(text, text) is
  'A text as HTML, with what a search looks for in <mark>; everything else is escaped. Null when nothing of it is there.';

create or replace function app.escape_html(p_text text) returns text
language sql immutable strict parallel safe
return replace(replace(replace(replace(replace(p_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
comment on function app.escape_html(text) is 'A text with the signs of HTML escaped.';

grant execute on function app.search_sounds_query(text), app.search_terms(text), app.search_query(text, boolean), app.search_candidates(text), app.highlight(text, text), app.escape_html(text)
  to rowhouse_viewer, rowhouse_definer;
