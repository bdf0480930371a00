-- Scopes: to which parts of the tenant's data a key is limited. People have none, and are limited by their role alone.
create or replace function app.known_scopes() returns text[]
language sql immutable parallel safe
return (select array_agg(d || v order by d, v) from unnest(array[
  'api_keys', 'audit', 'connections', 'crm', 'enrichment', 'events', 'exports', 'iam', 'imports', 'inbox', 'lists', 'outreach', 'pipeline', 'tracking'
]) d, unnest(array[':read', ':write']) v where d <> 'audit' or v = ':read');
comment on function app.known_scopes() is 'Every scope that a key may have: a part of the data, and whether it may be written. What may be written may be read.';

create or replace function app.scopes_cover(p_scopes text[], p_needed text[]) returns boolean
language sql immutable parallel safe
return (select coalesce(bool_and(n = any (p_scopes) or regexp_replace(n, ':read$', ':write') = any (p_scopes)), true) from unnest(p_needed) n);
comment on function app.scopes_cover(text[], text[]) is 'Whether scopes allow all that others do: writing includes reading.';

create or replace function app.check_scopes(p_scopes text[]) returns text[]
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_unknown text;
begin
  select string_agg(coalesce(s, 'null'), ', ') into v_unknown from unnest(p_scopes) s where s is null or s <> all (app.known_scopes());
  if v_unknown is not null then
    perform app.raise('VALIDATION_FAILED', format('There is no scope %s. Scopes: %s.', left(v_unknown, 200), array_to_string(app.known_scopes(), ', ')), 'scopes');
  end if;
  return array(select distinct s from unnest(p_scopes) s order by s);
end
$$;
comment on function app.check_scopes(text[]) is 'The scopes in order and once each; refuses those that do not exist.';
grant execute on function app.known_scopes(), app.scopes_cover(text[], text[]), app.check_scopes(text[])
  to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;

create or replace function app.require_scope(p_scope text) returns boolean
language plpgsql stable parallel safe set search_path to pg_catalog as $$
declare
  v_scopes text := coalesce(current_setting('jwt.claims.scopes', true), '');
begin
  -- A role that is limited to scopes has none where none are named.
  if v_scopes = '' and current_user not like 'rowhouse\_%\_scoped' then
    return true;
  end if;
  if not app.scopes_cover(string_to_array(v_scopes, ' '), array[p_scope]) then
    perform app.raise('FORBIDDEN', format('This API key lacks the scope %s. It has: %s. Use a key that was made with it.', p_scope, replace(v_scopes, ' ', ', ')),
      null, jsonb_build_object('scope', p_scope));
  end if;
  return true;
end
$$;
comment on function app.require_scope(text) is
  'Raises FORBIDDEN, naming the scope, when this session is of an API key that is limited to others; true for everybody else. In policies it stands in a sub-select, and is asked once a statement.';
grant execute on function app.require_scope(text) to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
