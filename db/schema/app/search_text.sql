-- How texts are made comparable: lower case, without accents. The extensions stand in a schema of their own.
create schema if not exists extensions;
comment on schema extensions is 'What PostgreSQL extensions bring.';
create extension if not exists unaccent with schema extensions;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists btree_gin with schema extensions;
create extension if not exists fuzzystrmatch with schema extensions;
-- What finds the words of a row names their functions at run time, as whoever writes the row.
grant usage on schema extensions to rowhouse_viewer, rowhouse_system, rowhouse_definer;

-- These are called for each row that is written, some of them ten times: in plpgsql, whose simple expressions cost a
-- fraction of what it costs to begin and end the query of a function in SQL. unaccent() counts as stable, as its rules
-- can be edited, so that a function in SQL over it is never inlined where an immutable one is wanted.
create or replace function app.fold(p_text text) returns text
language plpgsql immutable strict parallel safe as $$
begin
  return lower(extensions.unaccent('extensions.unaccent'::regdictionary, p_text));
end
$$;
comment on function app.fold(text) is 'A text in lower case and without accents.';

create or replace function app.search_words(p_text text) returns tsvector
language plpgsql immutable parallel safe as $$
begin
  return to_tsvector('pg_catalog.simple', regexp_replace(
    left(lower(extensions.unaccent('extensions.unaccent'::regdictionary, coalesce(p_text, ''))), 200000), '[^[:alnum:]]+', ' ', 'g'));
end
$$;
comment on function app.search_words(text) is 'The words of a text, folded; an e-mail address is the words between its signs.';

create or replace function app.search_digits(p_phone text) returns tsvector
language plpgsql immutable parallel safe as $$
declare
  v_digits text := regexp_replace(coalesce(p_phone, ''), '\D', '', 'g');
begin
  -- The whole number, without its country code, without its area code, and its last four digits: people remember ends.
  return case when length(v_digits) >= 4
    then array_to_tsvector(array[v_digits, right(v_digits, 10), right(v_digits, 7), right(v_digits, 4)]) else '' end;
end
$$;
comment on function app.search_digits(text) is 'The digits of a phone number, whole and in its usual endings.';

create or replace function app.search_sounds(p_text text) returns tsvector
language plpgsql immutable parallel safe as $$
declare
  v_word text;
  v_sounds text[] := '{}';
begin
  foreach v_word in array string_to_array(regexp_replace(app.fold(coalesce(p_text, '')), '[^a-z]+', ' ', 'g'), ' ') loop
    if length(v_word) >= 3 and extensions.dmetaphone(v_word) <> '' then
      v_sounds := v_sounds || ('~' || extensions.dmetaphone(v_word));
    end if;
  end loop;
  return array_to_tsvector(v_sounds);
end
$$;
comment on function app.search_sounds(text) is 'How the words of a text sound in English (double metaphone): what is misspelt mostly sounds alike.';

grant execute on function app.fold(text), app.search_words(text), app.search_digits(text), app.search_sounds(text)
  to rowhouse_viewer, rowhouse_system, rowhouse_definer;
