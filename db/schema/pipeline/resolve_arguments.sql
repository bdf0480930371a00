-- Arguments are data with two forms that stand for something: {"ref": "subject.id"} and {"text": ["Call ", {"ref": "subject.firstName"}]}.
create or replace function pipeline.resolve_arguments(p_template jsonb, p_facts jsonb) returns jsonb
language plpgsql immutable set search_path to pg_catalog as $$
begin
  if jsonb_typeof(p_template) = 'array' then
    return (select coalesce(jsonb_agg(coalesce(pipeline.resolve_arguments(e, p_facts), 'null') order by n), '[]') from jsonb_array_elements(p_template) with ordinality x (e, n));
  elsif jsonb_typeof(p_template) <> 'object' then
    return p_template;
  elsif p_template - 'ref' = '{}' and jsonb_typeof(p_template -> 'ref') = 'string' then
    return coalesce(p_facts #> string_to_array(p_template ->> 'ref', '.'), 'null');
  elsif p_template - 'text' = '{}' and jsonb_typeof(p_template -> 'text') = 'array' then
    return (select to_jsonb(coalesce(string_agg(pipeline.resolve_arguments(e, p_facts) #>> '{}', '' order by n), ''))
      from jsonb_array_elements(p_template -> 'text') with ordinality x (e, n));
  end if;
  return (select coalesce(jsonb_object_agg(key, coalesce(pipeline.resolve_arguments(value, p_facts), 'null')), '{}') from jsonb_each(p_template));
end
$$;
comment on function pipeline.resolve_arguments(jsonb, jsonb) is E'@behavior -*\nThe arguments of an action with what they refer to filled in from the facts of the firing; what is not there is null.';

create or replace function pipeline.references_of(p_template jsonb) returns setof text
language sql immutable set search_path to pg_catalog
begin atomic
  select r #>> '{}' from jsonb_path_query(p_template, 'lax $.**.ref') r where jsonb_typeof(r) = 'string';
end;
comment on function pipeline.references_of(jsonb) is E'@behavior -*\nWhat the arguments of an action refer to.';
grant execute on function pipeline.resolve_arguments(jsonb, jsonb) to rowhouse_manager, rowhouse_system;
