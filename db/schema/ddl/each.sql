create or replace function ddl.each(p_names text[], p_format text, p_separator text default ', ') returns text
language sql immutable set search_path to pg_catalog
return (select string_agg(format(p_format, name), p_separator order by n) from unnest(p_names) with ordinality u (name, n));
comment on function ddl.each(text[], text, text) is 'The names written into a format one after the other: ddl.each(''{a,b}'', ''t.%1$I = s.%1$I'', '' and '').';
