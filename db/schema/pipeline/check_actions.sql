create or replace function pipeline.check_actions(p_actions jsonb, p_trigger text, p_subject regclass) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_action jsonb;
  v_path text;
  v_verb record;
  v_text text;
  v_argument record;
begin
  if jsonb_typeof(p_actions) <> 'array' or jsonb_array_length(p_actions) > 10 or octet_length(p_actions::text) > 65536 then
    perform app.raise('VALIDATION_FAILED', 'actions is a list of at most 10 actions and 64 KB, such as [{"verb": "addContactTag", "arguments": {"contactId": {"ref": "subject.id"}, "tag": "new"}}].', 'actions');
  end if;
  for i in 0..jsonb_array_length(p_actions) - 1 loop
    v_action := p_actions -> i;
    v_path := format('actions[%s]', i);
    if jsonb_typeof(v_action) <> 'object' or v_action - array['verb', 'arguments'] <> '{}' or jsonb_typeof(v_action -> 'arguments') is distinct from 'object' then
      perform app.raise('VALIDATION_FAILED', format('%s: an action is {"verb": …, "arguments": {…}}, and nothing else.', v_path), v_path);
    end if;
    select * into v_verb from pipeline.automation_verbs() v where v.verb = v_action ->> 'verb';
    if not found then
      perform app.raise('VALIDATION_FAILED', format('%s.verb: automations do not do %L. They do: %s.', v_path, left(v_action ->> 'verb', 60),
        (select string_agg(v.verb, ', ' order by v.verb) from pipeline.automation_verbs() v)), v_path || '.verb');
    end if;
    select k into v_text from jsonb_object_keys(v_action -> 'arguments') k where k not in (select a.argument from pipeline.verb_arguments(v_verb.kind, v_verb.target) a) limit 1;
    if found then
      perform app.raise('VALIDATION_FAILED', format('%s.arguments: %s takes no %L. It takes: %s.', v_path, v_verb.verb, left(v_text, 60),
        (select string_agg(a.argument, ', ') from pipeline.verb_arguments(v_verb.kind, v_verb.target) a)), v_path || '.arguments');
    end if;
    if v_verb.kind <> 'function' and (v_action -> 'arguments') - 'id' = '{}' then
      perform app.raise('VALIDATION_FAILED', format('%s.arguments names no field.', v_path), v_path || '.arguments');
    end if;
    for v_argument in select a.*, v_action -> 'arguments' -> a.argument as value from pipeline.verb_arguments(v_verb.kind, v_verb.target) a loop
      if v_argument.is_required and coalesce(v_argument.value, 'null') = 'null' then
        perform app.raise('VALIDATION_FAILED', format('%s.arguments: %s needs %s.', v_path, v_verb.verb, v_argument.argument), format('%s.arguments.%s', v_path, v_argument.argument));
      end if;
      -- What stands there word for word is read now; what is referred to is read when it is there.
      if v_argument.value is not null and not v_argument.value @? 'lax $.** ? (exists (@.ref) || exists (@.text))' then
        perform pipeline.argument_literal(v_argument.value, v_argument.type, v_argument.kind, format('%s.arguments.%s', v_path, v_argument.argument));
      end if;
    end loop;
    select r into v_text from pipeline.references_of(v_action -> 'arguments') r
    where length(r) > 200 or (pipeline.fact_kind(p_trigger, p_subject, r) is null and r not in ('event', 'subject', 'webhook', 'schedule')) limit 1;
    if found then
      perform app.raise('VALIDATION_FAILED', format('%s.arguments refers to %L, which there is not. There are: %s.', v_path, left(v_text, 200),
        pipeline.fact_names(p_trigger, p_subject)), v_path || '.arguments');
    end if;
  end loop;
end
$$;
comment on function pipeline.check_actions(jsonb, text, regclass) is
  E'@behavior -*\nRefuses actions that name an unknown verb, argument or reference, lack an argument, or hold a value that cannot be read as what the verb takes.';
