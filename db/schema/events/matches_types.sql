create or replace function events.matches_types(p_type text, p_types text[]) returns boolean
language sql immutable parallel safe set search_path to pg_catalog
return cardinality(p_types) = 0 or p_type = any (p_types)
  or exists (select from unnest(p_types) t where right(t, 1) = '*' and starts_with(p_type, left(t, -1)));
comment on function events.matches_types(text, text[]) is
  E'@behavior -*\nWhether a type of event is among the named ones: contact.created names itself, contact.* all of contacts, none all.';
grant execute on function events.matches_types(text, text[]) to rowhouse_viewer, rowhouse_system;
