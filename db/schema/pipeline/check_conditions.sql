create or replace function pipeline.fact_names(p_trigger text, p_subject regclass) returns text
language sql stable set search_path to pg_catalog
return case when p_trigger = 'schedule' then 'schedule.dueAt, schedule.wasMissed'
  when p_trigger = 'webhook' then 'webhook.id, webhook.type, webhook.sourceId, webhook.receivedAt, webhook.payload.…, webhook.headers.…'
  else 'event.type, event.subjectType, event.subjectId, event.keys, event.changedFields, event.rowCount, event.counts.…, event.payload.…, event.depth, event.actorId, event.actorKind, event.correlationId, event.createdAt'
    || coalesce((select string_agg(format('%s%s', 'subject.' || f.field, case when f.kind = 'json' then '.…' end), ', ' order by f.field)
      from pipeline.row_fields(p_subject) f), '') end;
comment on function pipeline.fact_names(text, regclass) is E'@behavior -*\nWhat conditions and actions of a trigger may name, for messages.';

create or replace function pipeline.check_condition(p_condition jsonb, p_path text, p_trigger text, p_subject regclass) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  c_operators constant text[] := array['equals', 'not_equals', 'contains', 'not_contains', 'starts_with', 'ends_with', 'in', 'not_in', 'greater_than', 'greater_or_equal',
    'less_than', 'less_or_equal', 'between', 'within_last_days', 'not_within_last_days', 'is_set', 'is_not_set'];
  v_field text := p_condition ->> 'field';
  v_operator text := lower(p_condition ->> 'operator');
  v_value jsonb := p_condition -> 'value';
  v_kind text := pipeline.fact_kind(p_trigger, p_subject, v_field);
  v_choices text[];
  v_each jsonb;
begin
  if v_field is null or length(v_field) > 200 or v_kind is null then
    perform app.raise('VALIDATION_FAILED', format('%s.field: %L cannot be named here. There are: %s.', p_path, left(v_field, 200), pipeline.fact_names(p_trigger, p_subject)), p_path || '.field');
  end if;
  if v_operator is null or v_operator <> all (c_operators) then
    perform app.raise('VALIDATION_FAILED', format('%s.operator: %L is no operator. There are: %s.', p_path, left(v_operator, 60), array_to_string(c_operators, ', ')), p_path || '.operator');
  end if;
  if not coalesce(case
    when v_operator in ('is_set', 'is_not_set') then v_value is null or v_value = 'null'
    when v_operator in ('in', 'not_in') then jsonb_typeof(v_value) = 'array' and jsonb_array_length(v_value) between 1 and 1000
      and not v_value @? 'strict $[*] ? (@.type() == "object" || @.type() == "array" || @.type() == "null")'
    when v_operator = 'between' then jsonb_typeof(v_value) = 'array' and jsonb_array_length(v_value) = 2
      and jsonb_typeof(v_value -> 0) = jsonb_typeof(v_value -> 1) and jsonb_typeof(v_value -> 0) in ('string', 'number')
    when v_operator in ('within_last_days', 'not_within_last_days') then jsonb_typeof(v_value) = 'number' and v_value::numeric between 0 and 36525
    when v_operator in ('starts_with', 'ends_with') then jsonb_typeof(v_value) = 'string' and v_value <> '""'
    when v_operator in ('greater_than', 'greater_or_equal', 'less_than', 'less_or_equal') then jsonb_typeof(v_value) in ('string', 'number')
    else jsonb_typeof(v_value) in ('string', 'number', 'boolean') and v_value <> '""' end, false) then
    perform app.raise('VALIDATION_FAILED', format('%s.value: %s is not what %s compares with: nothing for is_set, an array for in, two values for between, a number of days for within_last_days, one value else.',
      p_path, coalesce(left(v_value::text, 60), 'nothing'), v_operator), p_path || '.value');
  end if;
  if v_kind in ('boolean', 'enum', 'id', 'list') and v_operator in ('starts_with', 'ends_with', 'greater_than', 'greater_or_equal', 'less_than', 'less_or_equal', 'between', 'within_last_days', 'not_within_last_days')
    or v_kind not in ('time', 'json') and v_operator in ('within_last_days', 'not_within_last_days') then
    perform app.raise('VALIDATION_FAILED', format('%s.operator: %s does not go with %s, which is of kind %s.', p_path, v_operator, v_field, v_kind), p_path || '.operator');
  end if;
  select f.choices into v_choices from pipeline.row_fields(p_subject) f where v_field = 'subject.' || f.field;
  for v_each in select case when jsonb_typeof(v_value) = 'array' then e else v_value end
    from jsonb_array_elements(case when jsonb_typeof(v_value) = 'array' then v_value else '[null]' end) e where v_operator not in ('is_set', 'is_not_set', 'within_last_days', 'not_within_last_days') loop
    if not coalesce(case v_kind
      when 'enum' then lower(v_each #>> '{}') = any (v_choices)
      when 'number' then jsonb_typeof(v_each) = 'number'
      when 'boolean' then jsonb_typeof(v_each) = 'boolean'
      when 'id' then app.uuid_of_type_id(v_each #>> '{}') is not null
      when 'time' then (v_each #>> '{}') is not null and pipeline.time_of(v_each #>> '{}') is not null
      else length(v_each #>> '{}') <= 10000 end, false) then
      perform app.raise('VALIDATION_FAILED', format('%s.value: %s cannot be compared with %s, which is %s.', p_path, left(v_each::text, 60), v_field,
        case v_kind when 'enum' then 'one of ' || upper(array_to_string(v_choices, ', ')) when 'time' then 'a time such as 2026-01-31T12:00:00Z'
          when 'id' then 'an id' when 'number' then 'a number' when 'boolean' then 'true or false' else 'text of at most 10,000 characters' end), p_path || '.value');
    end if;
  end loop;
end
$$;
comment on function pipeline.check_condition(jsonb, text, text, regclass) is E'@behavior -*\nRefuses a condition that names an unknown field or operator, or a value that does not go with them.';

create or replace function pipeline.check_conditions(p_rule jsonb, p_path text, p_depth integer, p_trigger text, p_subject regclass) returns integer
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_key text := (select k from jsonb_object_keys(case jsonb_typeof(p_rule) when 'object' then p_rule else '{}' end) k where k in ('all', 'any', 'not') order by k limit 1);
  v_unknown text;
  v_count integer := 1;
begin
  if p_depth > 8 then
    perform app.raise('LIMIT_EXCEEDED', format('%s is nested deeper than 8 levels.', p_path), 'conditions');
  end if;
  if jsonb_typeof(p_rule) = 'array' and p_depth = 0 then
    p_rule := jsonb_build_object('all', p_rule);
    v_key := 'all';
  end if;
  select k into v_unknown from jsonb_object_keys(case jsonb_typeof(p_rule) when 'object' then p_rule else '{"":0}' end) k
  where k <> all (case when v_key is null then array['field', 'operator', 'value'] else array[v_key] end) limit 1;
  if v_unknown is not null then
    perform app.raise('VALIDATION_FAILED', format('%s: a rule is {"all": […]}, {"any": […]}, {"not": …} or {"field": …, "operator": …, "value": …}, and nothing else (%L).',
      p_path, left(v_unknown, 60)), p_path);
  end if;
  if v_key is null then
    perform pipeline.check_condition(p_rule, p_path, p_trigger, p_subject);
  elsif v_key = 'not' then
    v_count := v_count + pipeline.check_conditions(p_rule -> 'not', p_path || '.not', p_depth + 1, p_trigger, p_subject);
  elsif jsonb_typeof(p_rule -> v_key) <> 'array' or (jsonb_array_length(p_rule -> v_key) = 0 and p_depth > 0) then
    perform app.raise('VALIDATION_FAILED', format('%s.%s must be a list of rules, and not empty.', p_path, v_key), p_path || '.' || v_key);
  elsif jsonb_array_length(p_rule -> v_key) > 100 then
    perform app.raise('LIMIT_EXCEEDED', format('%s.%s has more than 100 rules.', p_path, v_key), 'conditions');
  else
    select v_count + coalesce(sum(pipeline.check_conditions(r, format('%s.%s[%s]', p_path, v_key, n - 1), p_depth + 1, p_trigger, p_subject)), 0)
    into v_count from jsonb_array_elements(p_rule -> v_key) with ordinality e (r, n);
  end if;
  if v_count > 101 then
    perform app.raise('LIMIT_EXCEEDED', format('%s has more than 100 rules in all.', p_path), 'conditions');
  end if;
  return v_count;
end
$$;
comment on function pipeline.check_conditions(jsonb, text, integer, text, regclass) is
  E'@behavior -*\nRefuses a rule tree that is not understood, deeper than 8 levels or larger than 100 rules, naming the place; returns how many rules it has.';
