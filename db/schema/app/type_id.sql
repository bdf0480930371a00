create or replace function app.type_id(p_prefix text, p_id uuid) returns text
language sql immutable parallel safe set search_path to pg_catalog
return case when p_id is not null then p_prefix || '_' || (
  select string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', substr(b.bits, n * 5 + 1, 5)::bit(5)::integer + 1, 1), '' order by n)
  from (select '00' || ('x' || replace(p_id::text, '-', ''))::bit(128)::text as bits) b, generate_series(0, 25) n) end;
comment on function app.type_id(text, uuid) is 'An id as the API shows it: the prefix of its kind and the uuid in base32.';

create or replace function app.uuid_of_type_id(p_text text) returns uuid
language sql immutable parallel safe set search_path to pg_catalog
return case
  when p_text ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then p_text::uuid
  when p_text ~ '^[a-z]([a-z_]{0,61}[a-z])?_[0-7][0-9a-hjkmnp-tv-z]{25}$' then (
    select string_agg(to_hex(substr(b.bits, n * 4 + 3, 4)::bit(4)::integer), '' order by n)::uuid
    from (select string_agg((strpos('0123456789abcdefghjkmnpqrstvwxyz', substr(right(p_text, 26), i, 1)) - 1)::bit(5)::text, '' order by i) as bits
      from generate_series(1, 26) i) b, generate_series(0, 31) n) end;
comment on function app.uuid_of_type_id(text) is 'The uuid behind an id of the API, or of a uuid as text; null for anything else.';
grant execute on function app.type_id(text, uuid), app.uuid_of_type_id(text) to rowhouse_viewer, rowhouse_system;
