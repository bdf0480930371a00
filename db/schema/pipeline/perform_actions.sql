create or replace function pipeline.blueprint_input(p_facts jsonb) returns jsonb
language sql immutable set search_path to pg_catalog
return case
  when jsonb_typeof(p_facts -> 'subject') = 'object' then jsonb_build_array(p_facts -> 'subject')
  when p_facts ? 'webhook' then case jsonb_typeof(p_facts #> '{webhook,payload}') when 'array' then p_facts #> '{webhook,payload}'
    else jsonb_build_array(coalesce(nullif(p_facts #> '{webhook,payload}', 'null'), '{}')) end
  when p_facts ? 'schedule' then jsonb_build_array(p_facts -> 'schedule')
  else coalesce((select jsonb_agg(jsonb_build_object('id', k)) from jsonb_array_elements(p_facts #> '{event,keys}') k), '[]') end;
comment on function pipeline.blueprint_input(jsonb) is
  E'@behavior -*\nThe records that an automation hands to its blueprint: the subject, what a webhook brought, the time that was due, or the ids of the rows.';

create or replace function pipeline.action_error(p_state text, p_message text) returns jsonb
language sql immutable set search_path to pg_catalog
return case
  when p_state ~ '^RH00[1-8]$' then jsonb_build_object('code', (array['TENANT_REQUIRED', 'NOT_FOUND', 'CONFLICT', 'VALIDATION_FAILED', 'FORBIDDEN', 'INVALID_STATE',
    'LIMIT_EXCEEDED', 'UNAUTHENTICATED'])[right(p_state, 1)::integer], 'message', p_message)
  when p_state = '42501' then jsonb_build_object('code', 'FORBIDDEN', 'message', 'The role of the automation may not do this. Give it a role that may.')
  when p_state = '23505' then jsonb_build_object('code', 'CONFLICT', 'message', 'There is such a row already.')
  when p_state = '23503' then jsonb_build_object('code', 'NOT_FOUND', 'message', 'An argument names a row that is not there.')
  when p_state ~ '^2[23]' then jsonb_build_object('code', 'VALIDATION_FAILED', 'message', 'An argument is missing or is not accepted there.')
  else jsonb_build_object('code', 'INTERNAL', 'message', 'Something went wrong inside Rowhouse, not in your data.') end;
comment on function pipeline.action_error(text, text) is E'@behavior -*\nAn error of an action in words for the tenant: our own word for word, any other without a detail of the inside.';

-- All or nothing: an error undoes what the actions before it did, together with their jobs and events. So does the end of a dry run.
create or replace function pipeline.perform_actions(p_automation pipeline.automations, p_run pipeline.automation_runs, p_facts jsonb, p_role text, p_scopes text[], p_is_dry boolean,
  out results jsonb, out error jsonb, out pipeline_run_id uuid)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_claims text[] := pipeline.claims();
  v_path text;
  v_result jsonb;
  v_statement text;
  v_id uuid;
  v_state text;
  v_message text;
  v_input jsonb := pipeline.blueprint_input(p_facts);
begin
  results := '[]';
  begin
    for i in 0..jsonb_array_length(p_automation.actions) - 1 loop
      v_path := format('actions[%s].arguments', i);
      v_result := jsonb_build_object('verb', p_automation.actions -> i -> 'verb', 'arguments', pipeline.resolve_arguments(p_automation.actions -> i -> 'arguments', p_facts));
      v_statement := pipeline.verb_statement(v_result ->> 'verb', v_result -> 'arguments', v_path);
      perform pipeline.note_cause(p_run.depth + 1, p_run.correlation_id), pipeline.act_as_automation(p_automation.actor_id, p_role, p_scopes);
      v_id := null;
      execute v_statement into v_id;
      if v_id is null then
        perform app.raise('NOT_FOUND', format('%s.id: there is nothing of this id that may be changed.', v_path), v_path || '.id');
      end if;
      perform pipeline.restore_claims(v_claims);
      results := results || jsonb_set(v_result, '{id}', to_jsonb(v_id));
      v_result := null;
    end loop;
    if p_automation.blueprint_id is not null then
      v_result := jsonb_build_object('verb', 'startPipelineRun', 'arguments', jsonb_build_object('blueprintId', app.type_id('bp', p_automation.blueprint_id), 'input', v_input));
      if p_role = 'viewer' or (cardinality(p_scopes) > 0 and not app.scopes_cover(p_scopes, '{pipeline:write}')) then
        perform app.raise('FORBIDDEN', format('An automation that acts as %s, with scopes {%s}, may not run a blueprint.', p_role, array_to_string(p_scopes, ', ')));
      end if;
      perform pipeline.note_cause(p_run.depth + 1, p_run.correlation_id);
      if p_is_dry then
        perform pipeline.act_as_automation(p_automation.actor_id, p_role, p_scopes);
        select r.id into pipeline_run_id from pipeline.start_pipeline_run(p_automation.blueprint_id, v_input) r;
      else
        perform set_config('jwt.claims.actor_id', p_automation.actor_id::text, true);
        select r.id into pipeline_run_id from pipeline.create_pipeline_run(p_automation.blueprint_id, v_input,
          case when p_run.due_at is not null then 'scheduled' when p_run.webhook_event_id is not null then 'webhook' else 'automation' end,
          p_automation.id, p_run.webhook_event_id, p_run.correlation_id, jsonb_build_object('automationRunId', app.type_id('arun', p_run.id), 'depth', p_run.depth + 1)) r;
      end if;
      perform pipeline.restore_claims(v_claims);
      results := results || jsonb_set(v_result, '{id}', to_jsonb(pipeline_run_id));
      v_result := null;
    end if;
    if p_is_dry then
      raise exception using errcode = 'RH099';
    end if;
  exception
    when sqlstate 'RH099' then
      pipeline_run_id := null;
    when transaction_rollback or lock_not_available or insufficient_resources or operator_intervention then
      raise;
    when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
      pipeline_run_id := null;
      error := pipeline.action_error(v_state, v_message);
      if error ->> 'code' = 'INTERNAL' then
        raise log 'automation % failed: % (%)', p_automation.id, v_message, v_state;
      end if;
      results := results || coalesce(v_result || jsonb_build_object('error', error), '[]');
  end;
end
$$;
comment on function pipeline.perform_actions(pipeline.automations, pipeline.automation_runs, jsonb, text, text[], boolean) is
  E'@behavior -*\nDoes what an automation does, in its role: what each action did, the error that undid all of it, and the run of the blueprint. A dry run undoes all of it in any case.';
grant execute on function pipeline.blueprint_input(jsonb), pipeline.action_error(text, text),
  pipeline.perform_actions(pipeline.automations, pipeline.automation_runs, jsonb, text, text[], boolean) to rowhouse_manager, rowhouse_system;
