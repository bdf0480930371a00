create or replace function ddl.enum(p_domain text, p_values text[], p_comment text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_schema text := split_part(p_domain, '.', 1);
  v_name text := split_part(p_domain, '.', 2);
  v_check text := format('value in (%s)', (select string_agg(quote_literal(v), ', ') from unnest(p_values) v));
begin
  if to_regtype(p_domain) is null then
    execute format('create domain %I.%I as text constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  else
    -- The closed list may have grown or shrunk; values in use are checked when the constraint is added.
    execute format('alter domain %I.%I drop constraint if exists %I', v_schema, v_name, v_name || '_check');
    execute format('alter domain %I.%I add constraint %I check (%s)', v_schema, v_name, v_name || '_check', v_check);
  end if;
  execute format('comment on domain %I.%I is %L', v_schema, v_name,
    format(E'@enum %s\n%s', array_to_string(p_values, ','), p_comment));
end
$$;
comment on function ddl.enum(text, text[], text) is
  'A closed list of values as a text domain with a check. Text, because the equality of an enum type is not leakproof and its indexes would not serve under row-level security.';
