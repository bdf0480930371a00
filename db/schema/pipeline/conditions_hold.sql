-- Conditions are walked, never compiled: no text of a tenant becomes SQL or a pattern.
create or replace function pipeline.time_of(p_text text) returns timestamptz
language plpgsql stable set search_path to pg_catalog as $$
begin
  if p_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{4,18}(Z|[+-][0-9:]{2,6})?)?$' then
    return case when length(p_text) = 10 then p_text::date at time zone 'UTC' else p_text::timestamptz end;
  end if;
  return null;
exception when data_exception then
  return null;
end
$$;
comment on function pipeline.time_of(text) is E'@behavior -*\nThe time that a text in the form of ISO 8601 means, a day alone being its beginning in UTC; null for anything else.';

create or replace function pipeline.plain_value(p_value jsonb) returns jsonb
language sql immutable parallel safe set search_path to pg_catalog
return case when jsonb_typeof(p_value) = 'string' then coalesce(to_jsonb(app.uuid_of_type_id(p_value #>> '{}')), p_value) else p_value end;
comment on function pipeline.plain_value(jsonb) is E'@behavior -*\nA value to compare by: an id of the API as its uuid, anything else as it is.';

create or replace function pipeline.is_before(p_one jsonb, p_other jsonb) returns boolean
language sql stable set search_path to pg_catalog
return case when jsonb_typeof(p_one) = 'number' and jsonb_typeof(p_other) = 'number' then p_one::numeric < p_other::numeric
  when jsonb_typeof(p_one) = 'string' and jsonb_typeof(p_other) = 'string' then coalesce(
    pipeline.time_of(p_one #>> '{}') < pipeline.time_of(p_other #>> '{}'), (p_one #>> '{}') collate "C" < (p_other #>> '{}') collate "C") end;
comment on function pipeline.is_before(jsonb, jsonb) is E'@behavior -*\nWhether a value is less or earlier than another of its kind; null when they cannot be compared.';

create or replace function pipeline.value_matches(p_actual jsonb, p_operator text, p_value jsonb) returns boolean
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_actual jsonb := pipeline.plain_value(p_actual);
  v_value jsonb := pipeline.plain_value(p_value);
  v_text text := p_actual #>> '{}';
  v_operand text := p_value #>> '{}';
begin
  if p_operator ~ '^(is_)?not_' then
    return not pipeline.value_matches(p_actual, replace(p_operator, 'not_', ''), p_value);
  elsif p_actual is null or p_actual in ('null', '""', '[]') then
    return false;
  end if;
  return coalesce(case p_operator
    when 'is_set' then true
    when 'equals' then v_actual = v_value or (jsonb_typeof(p_actual) = 'string' and pipeline.time_of(v_text) = pipeline.time_of(v_operand))
    when 'in' then exists (select from jsonb_array_elements(p_value) e where pipeline.plain_value(e) = v_actual)
    when 'contains' then case jsonb_typeof(p_actual)
      when 'array' then exists (select from jsonb_array_elements(p_actual) e where pipeline.plain_value(e) = v_value)
      when 'object' then p_actual ? v_operand else position(v_operand in v_text) > 0 end
    when 'starts_with' then v_text ^@ v_operand
    when 'ends_with' then right(v_text, length(v_operand)) = v_operand
    when 'less_than' then pipeline.is_before(p_actual, p_value)
    when 'greater_than' then pipeline.is_before(p_value, p_actual)
    when 'less_or_equal' then not pipeline.is_before(p_value, p_actual)
    when 'greater_or_equal' then not pipeline.is_before(p_actual, p_value)
    when 'between' then not pipeline.is_before(p_actual, p_value -> 0) and not pipeline.is_before(p_value -> 1, p_actual)
    when 'within_last_days' then pipeline.time_of(v_text) between now() - p_value::numeric::float8 * interval '1 day' and now() end, false);
end
$$;
comment on function pipeline.value_matches(jsonb, text, jsonb) is
  E'@behavior -*\nWhether a value satisfies an operator, as the rules of segments have them: what is empty satisfies only those that say not.';

create or replace function pipeline.conditions_hold(p_rule jsonb, p_facts jsonb, p_path text default 'conditions') returns jsonb
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_key text;
  v_parts jsonb;
  v_holds boolean;
  v_actual jsonb;
begin
  if jsonb_typeof(p_rule) = 'array' then
    p_rule := jsonb_build_object('all', p_rule);
  end if;
  if p_rule ? 'field' then
    v_actual := p_facts #> string_to_array(p_rule ->> 'field', '.');
    return jsonb_build_object('path', p_path, 'holds', pipeline.value_matches(v_actual, lower(p_rule ->> 'operator'), case when p_rule -> 'value' = 'null' then null else p_rule -> 'value' end),
      'field', p_rule -> 'field', 'operator', lower(p_rule ->> 'operator'), 'value', p_rule -> 'value',
      'actual', case when length(v_actual::text) > 500 then to_jsonb(left(v_actual::text, 500) || '…') else v_actual end);
  end if;
  v_key := case when p_rule ? 'any' then 'any' when p_rule ? 'not' then 'not' else 'all' end;
  select coalesce(jsonb_agg(pipeline.conditions_hold(r, p_facts, case v_key when 'not' then p_path || '.not' else format('%s.%s[%s]', p_path, v_key, n - 1) end) order by n), '[]')
  into v_parts
  from jsonb_array_elements(case v_key when 'not' then jsonb_build_array(p_rule -> 'not') else coalesce(p_rule -> v_key, '[]') end) with ordinality e (r, n);
  select case v_key when 'all' then coalesce(bool_and((p ->> 'holds')::boolean), true) when 'any' then coalesce(bool_or((p ->> 'holds')::boolean), false)
    else not bool_and((p ->> 'holds')::boolean) end into v_holds from jsonb_array_elements(v_parts) p;
  return jsonb_build_object('path', p_path, 'holds', v_holds, v_key, v_parts);
end
$$;
comment on function pipeline.conditions_hold(jsonb, jsonb, text) is
  E'@behavior -*\nWalks a rule tree over the facts of a firing: whether it holds, and the same of each part, with what was found there.';

create or replace function pipeline.deciding_condition(p_trace jsonb) returns jsonb
language plpgsql immutable parallel safe set search_path to pg_catalog as $$
begin
  return case when p_trace ? 'field' then p_trace
    when p_trace ? 'not' then pipeline.deciding_condition(p_trace -> 'not' -> 0)
    else coalesce((select pipeline.deciding_condition(p) from jsonb_array_elements(coalesce(p_trace -> 'all', p_trace -> 'any')) with ordinality e (p, n)
      where p -> 'holds' = p_trace -> 'holds' order by n limit 1), p_trace - 'all' - 'any') end;
end
$$;
comment on function pipeline.deciding_condition(jsonb) is E'@behavior -*\nThe first condition of a trace that made the whole of it hold or not.';
grant execute on function pipeline.time_of(text), pipeline.plain_value(jsonb), pipeline.is_before(jsonb, jsonb), pipeline.value_matches(jsonb, text, jsonb),
  pipeline.conditions_hold(jsonb, jsonb, text), pipeline.deciding_condition(jsonb) to rowhouse_manager, rowhouse_system;
