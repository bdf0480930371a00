create or replace function pipeline.argument_literal(p_value jsonb, p_type text, p_kind text, p_path text) returns text
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_text text := p_value #>> '{}';
begin
  if p_value is null or p_value = 'null' then
    return format('null::%s', p_type);
  elsif p_kind = 'json' then
    return format('%L::%s', p_value, p_type);
  elsif p_kind = 'list' then
    if jsonb_typeof(p_value) <> 'array' then
      perform app.raise('VALIDATION_FAILED', format('%s must be a list.', p_path), p_path);
    end if;
    return format('array(select %s from jsonb_array_elements_text(%L::jsonb) e)::%s',
      case when p_type = 'uuid[]' then 'app.uuid_of_type_id(e)' else 'e' end, p_value, p_type);
  elsif jsonb_typeof(p_value) in ('array', 'object') then
    perform app.raise('VALIDATION_FAILED', format('%s must be one value, not a list or an object.', p_path), p_path);
  elsif p_kind = 'id' then
    if app.uuid_of_type_id(v_text) is null then
      perform app.raise('VALIDATION_FAILED', format('%s: %L is no id.', p_path, left(v_text, 60)), p_path);
    end if;
    return format('%L::uuid', app.uuid_of_type_id(v_text));
  elsif p_kind = 'enum' then
    v_text := lower(v_text);
  end if;
  -- What is no value of the type is refused here, where its name is known.
  execute format('select %L::%s', v_text, p_type);
  return format('%L::%s', v_text, p_type);
exception when data_exception or check_violation then
  perform app.raise('VALIDATION_FAILED', format('%s: %s cannot be read as %s.', p_path, left(p_value::text, 60), split_part(p_type, '.', 2 - (position('.' in p_type) = 0)::integer)), p_path);
  return null;
end
$$;
comment on function pipeline.argument_literal(jsonb, text, text, text) is E'@behavior -*\nThe SQL literal of an argument''s value, of the type that the verb takes; refuses what cannot be read as that, by its path.';

create or replace function pipeline.verb_statement(p_verb text, p_arguments jsonb, p_path text) returns text
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_kind text;
  v_target text;
  v_names text;
  v_values text;
  v_pairs text;
  v_argument record;
  v_literal text;
begin
  select v.kind, v.target into v_kind, v_target from pipeline.automation_verbs() v where v.verb = p_verb;
  for v_argument in select * from pipeline.verb_arguments(v_kind, v_target) a where p_arguments ? a.argument loop
    v_literal := pipeline.argument_literal(p_arguments -> v_argument.argument, v_argument.type, v_argument.kind, format('%s.%s', p_path, v_argument.argument));
    continue when v_kind = 'update' and v_argument.argument = 'id';
    v_pairs := concat_ws(', ', v_pairs, format('%I %s %s', v_argument.name, case v_kind when 'function' then '=>' else '=' end, v_literal));
    v_names := concat_ws(', ', v_names, quote_ident(v_argument.name));
    v_values := concat_ws(', ', v_values, v_literal);
  end loop;
  return case v_kind
    when 'function' then format('select r.id from %s(%s) r', v_target, v_pairs)
    when 'create' then format('insert into %s (%s) values (%s) returning id', v_target, v_names, v_values)
    else format('update %s set %s where tenant_id = app.tenant_id() and id = %L and deleted_at is null returning id', v_target, v_pairs,
      app.uuid_of_type_id(p_arguments ->> 'id')) end;
end
$$;
comment on function pipeline.verb_statement(text, jsonb, text) is
  E'@behavior -*\nThe statement that does what an action says. Names come from the catalogue of verbs, values are literals of the right type.';
grant execute on function pipeline.argument_literal(jsonb, text, text, text), pipeline.verb_statement(text, jsonb, text) to rowhouse_manager, rowhouse_system;
