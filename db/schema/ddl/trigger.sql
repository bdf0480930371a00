create or replace function ddl.trigger(p_table regclass, p_name text, p_definition text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_parts text[] := regexp_match(p_definition, '^(.*?)\s+((?:referencing|for each|when|execute)\s.*)$', 'is');
begin
  execute format('create or replace trigger %I %s on %s %s', p_name, v_parts[1], p_table, v_parts[2]);
end
$$;
comment on function ddl.trigger(regclass, text, text) is
  'Creates or replaces a trigger: the definition without "on table", such as ''before update for each row execute function app.stamp()''.';
