-- How texts are made comparable: lower case, without accents. The extensions stand in a schema of their own.
create schema if not exists extensions;
comment on schema extensions is 'What PostgreSQL extensions bring.';
create extension if not exists unaccent with schema extensions;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists btree_gin with schema extensions;
create extension if not exists fuzzystrmatch with schema extensions;
grant usage on schema extensions to rowhouse_definer;

create or replace function app.fold(p_text text) returns text
language sql immutable strict parallel safe
return lower(extensions.unaccent('extensions.unaccent'::regdictionary, p_text));
comment on function app.fold(text) is 'A text in lower case and without accents.';

create or replace function app.search_words(p_text text) returns tsvector
language sql immutable parallel safe
return to_tsvector('pg_catalog.simple', regexp_replace(left(app.fold(coalesce(p_text, '')), 200000), '[^[:alnum:]]+', ' ', 'g'));
comment on function app.search_words(text) is 'The words of a text, folded; an e-mail address is the words between its signs.';

create or replace function app.search_digits(p_phone text) returns tsvector
language sql immutable parallel safe
begin atomic
  -- The whole number, without its country code, without its area code, and its last four digits: people remember ends.
  select array_to_tsvector(array(
    select distinct t from unnest(array[d.d, right(d.d, 10), right(d.d, 7), right(d.d, 4)]) t where length(t) >= 4))
  from (select regexp_replace(coalesce(p_phone, ''), '\D', '', 'g') as d) d;
end;
comment on function app.search_digits(text) is 'The digits of a phone number, whole and in its usual endings.';

create or replace function app.search_sounds(p_text text) returns tsvector
language sql immutable parallel safe
begin atomic
  select coalesce(array_to_tsvector(array_agg(distinct '~' || extensions.dmetaphone(w))), '')
  from regexp_split_to_table(regexp_replace(app.fold(coalesce(p_text, '')), '[^a-z]+', ' ', 'g'), ' ') w
  where length(w) >= 3 and extensions.dmetaphone(w) <> '';
end;
comment on function app.search_sounds(text) is 'How the words of a text sound in English (double metaphone): what is misspelt mostly sounds alike.';

grant execute on function app.fold(text), app.search_words(text), app.search_digits(text), app.search_sounds(text)
  to rowhouse_viewer, rowhouse_system, rowhouse_definer;
