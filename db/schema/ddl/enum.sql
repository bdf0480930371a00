create or replace function ddl.enum(p_domain text, p_values json, p_comment text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := split_part(p_domain, '.', 1);
  v_name text := split_part(p_domain, '.', 2);
  v_values text[] := array(select key from json_each_text(p_values) with ordinality v (key, value, n) order by n);
  v_check text := format('value in (%s)', (select string_agg(quote_literal(v), ', ') from unnest(v_values) v));
begin
  if to_regtype(p_domain) is null then
    execute format('create domain %I.%I as text constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  else
    -- The closed list may have grown or shrunk; values in use are checked when the constraint is added.
    execute format('alter domain %I.%I drop constraint if exists %I', v_schema, v_name, v_name || '_check');
    execute format('alter domain %I.%I add constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  end if;
  execute format('comment on domain %I.%I is %L', v_schema, v_name,
    format(E'@enum %s\n%s%s', array_to_string(v_values, ','),
      (select string_agg(format(E'@value %s %s\n', key, value), '' order by n) from json_each_text(p_values) with ordinality v (key, value, n)
        where value <> ''), p_comment));
end
$$;
comment on function ddl.enum(text, json, text) is
  'A closed list of values, each with its description ({"open": "Waits for an answer."}), as a text domain with a check. Text, because the equality of an enum type is not leakproof and its indexes would not serve under row-level security.';
