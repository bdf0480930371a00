create or replace function pipeline.facts_of_run(p_automation pipeline.automations, p_run pipeline.automation_runs, p_role text, p_scopes text[], p_fields text[] default null) returns jsonb
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_event jsonb;
  v_subject jsonb;
begin
  if p_run.due_at is not null then
    return jsonb_build_object('schedule', pipeline.schedule_facts(p_run.due_at, p_run.created_at > p_run.due_at + interval '5 minutes'));
  elsif p_run.webhook_event_id is not null then
    return (select jsonb_build_object('webhook', f) from pipeline.webhook_facts(p_run.webhook_event_id) f where f is not null);
  end if;
  select to_jsonb(e) into v_event from events.events e where e.tenant_id = app.tenant_id() and e.id = p_run.event_id;
  if not found then
    return null;
  end if;
  select s.facts into v_subject from pipeline.subject_facts(p_automation, p_role, p_scopes, p_run.subject_type, array_remove(array[p_run.subject_id], null), p_fields) s;
  return jsonb_build_object('event', pipeline.event_facts(v_event), 'subject', v_subject);
end
$$;
comment on function pipeline.facts_of_run(pipeline.automations, pipeline.automation_runs, text, text[], text[]) is
  E'@behavior -*\nWhat set a firing going, and the row it is about as it is now; null when the event is gone.';

create or replace function pipeline.end_automation_run(p_run_id uuid, p_code text, p_message text) returns void
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_automation_id uuid;
  v_automation pipeline.automations;
begin
  update pipeline.automation_runs r
  set status = case when p_code is null then 'succeeded' else 'failed' end, error_code = p_code, error_message = left(p_message, 2000), finished_at = now()
  where r.tenant_id = app.tenant_id() and r.id = p_run_id and r.status in ('queued', 'running') returning r.automation_id into v_automation_id;
  update pipeline.automations a set failure_count = case when p_code is null then 0 else a.failure_count + 1 end
  where a.tenant_id = app.tenant_id() and a.id = v_automation_id and (p_code is not null or a.failure_count > 0) returning * into v_automation;
  if v_automation.failure_count >= v_automation.failure_limit then
    perform pipeline.switch_off_automation(v_automation.id, 'failing');
  end if;
end
$$;
comment on function pipeline.end_automation_run(uuid, text, text) is
  E'@behavior -*\nWrites how a firing ended. After as many failures in a row as its limit, the automation is switched off.';

create or replace function pipeline.run_automation(p_run_id uuid) returns void
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_run pipeline.automation_runs;
  v_automation pipeline.automations;
  v_role text;
  v_facts jsonb;
  v_outcome record;
  v_claims text[] := pipeline.claims();
begin
  select * into v_run from pipeline.automation_runs r where r.tenant_id = app.tenant_id() and r.id = p_run_id and r.status in ('queued', 'running') for update;
  if not found then
    return;
  end if;
  select * into v_automation from pipeline.automations a where a.tenant_id = v_run.tenant_id and a.id = v_run.automation_id;
  v_role := pipeline.lent_role(v_automation);
  v_facts := pipeline.facts_of_run(v_automation, v_run, v_role, v_automation.scopes,
    case when v_automation.blueprint_id is null then pipeline.subject_fields(v_automation.actions) end);
  -- The log of it is the automation's own doing, as what it does is.
  perform set_config('jwt.claims.actor_id', v_automation.actor_id::text, true), pipeline.note_cause(v_run.depth + 1, v_run.correlation_id);
  if v_automation.deleted_at is not null or not v_automation.is_enabled then
    perform pipeline.end_automation_run(v_run.id, 'INVALID_STATE', 'The automation was switched off or deleted before it came to this.');
  elsif v_role is null then
    perform pipeline.end_automation_run(v_run.id, 'FORBIDDEN', 'Whoever wrote this automation last is not here any more, or their key ended: nobody lends it a role. Save it again.');
  elsif v_facts is null then
    perform pipeline.end_automation_run(v_run.id, 'NOT_FOUND', 'What set it going is not kept any more.');
  else
    v_outcome := pipeline.perform_actions(v_automation, v_run, v_facts, v_role, v_automation.scopes, false);
    update pipeline.automation_runs r set results = v_outcome.results, pipeline_run_id = v_outcome.pipeline_run_id where r.tenant_id = v_run.tenant_id and r.id = v_run.id;
    perform pipeline.end_automation_run(v_run.id, v_outcome.error ->> 'code', v_outcome.error ->> 'message');
  end if;
  perform pipeline.restore_claims(v_claims);
end
$$;
comment on function pipeline.run_automation(uuid) is
  E'@behavior -*\nDoes what a firing is to do and writes down what came of it, in one transaction: all of it, or nothing but the error.';
grant execute on function pipeline.end_automation_run(uuid, text, text), pipeline.run_automation(uuid) to rowhouse_system;
grant execute on function pipeline.facts_of_run(pipeline.automations, pipeline.automation_runs, text, text[], text[]) to rowhouse_manager, rowhouse_system;
