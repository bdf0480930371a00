create or replace function pipeline.dry_run_automation(automation_id uuid, event_id uuid default null, webhook_event_id uuid default null, sample jsonb default null) returns jsonb
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_automation pipeline.automations;
  v_role text := nullif(current_setting('jwt.claims.role', true), '');
  v_own_scopes text[] := string_to_array(coalesce(current_setting('jwt.claims.scopes', true), ''), ' ');
  v_scopes text[];
  v_event jsonb;
  v_run pipeline.automation_runs;
  v_facts jsonb;
  v_trace jsonb;
  v_outcome record;
begin
  perform app.require_scope('pipeline:write');
  select * into v_automation from pipeline.automations a where a.tenant_id = app.tenant_id() and a.id = dry_run_automation.automation_id and a.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no automation %s.', automation_id), 'automationId');
  end if;
  if num_nonnulls(event_id, webhook_event_id, sample) <> 1 then
    perform app.raise('VALIDATION_FAILED', 'Say what to try it on: one of eventId, webhookEventId and sample.', 'sample');
  end if;
  -- Whoever tries it out sees no more of it than they may themselves.
  v_role := pipeline.lower_role(v_role, pipeline.lent_role(v_automation));
  v_scopes := case when v_own_scopes = '{}' then v_automation.scopes when v_automation.scopes = '{}' then v_own_scopes
    else array(select s from unnest(v_own_scopes) s where app.scopes_cover(v_automation.scopes, array[s])) end;
  if v_role is null or (v_scopes = '{}' and v_own_scopes <> '{}') then
    perform app.raise('INVALID_STATE', 'Nobody lends this automation a role that you have, too: whoever wrote it last is gone, or their key ended. Save it again.', 'automationId');
  end if;
  v_run := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('id', uuidv7(), 'tenant_id', v_automation.tenant_id, 'depth', 0, 'correlation_id', uuidv7(),
    'created_at', now(), 'event_id', event_id, 'webhook_event_id', webhook_event_id));
  if event_id is not null then
    select to_jsonb(e) into v_event from events.events e where e.tenant_id = v_automation.tenant_id and e.id = dry_run_automation.event_id;
    if v_event is not null then
      v_run.depth := coalesce((v_event ->> 'depth')::smallint, 0);
      v_run.subject_type := v_event ->> 'subject_type';
      v_run.subject_id := coalesce((v_event ->> 'subject_id')::uuid, case when v_automation.fires_per_row or (v_event -> 'keys' -> 1) is null then (v_event -> 'keys' ->> 0)::uuid end);
    end if;
  end if;
  if sample is null then
    v_facts := pipeline.facts_of_run(v_automation, v_run, v_role, v_scopes);
  elsif jsonb_typeof(sample) = 'object' and sample - array['event', 'subject', 'webhook', 'schedule'] = '{}' and octet_length(sample::text) <= 262144 then
    v_facts := sample;
  else
    perform app.raise('VALIDATION_FAILED', 'sample is an object of at most 256 KB with what conditions and actions name, such as {"event": {"type": "contact.created"}, "subject": {"id": "contact_…"}}.', 'sample');
  end if;
  if v_facts is null then
    perform app.raise('NOT_FOUND', 'There is no such event.', case when event_id is null then 'webhookEventId' else 'eventId' end);
  end if;
  v_trace := pipeline.conditions_hold(v_automation.conditions, v_facts);
  v_outcome := pipeline.perform_actions(v_automation, v_run, v_facts, v_role, v_scopes, true);
  return jsonb_build_object('wouldFire', v_automation.is_enabled and (v_trace ->> 'holds')::boolean and v_run.depth < v_automation.depth_limit
      and pipeline.trigger_fits(v_automation, v_facts),
    'isEnabled', v_automation.is_enabled, 'triggerFits', pipeline.trigger_fits(v_automation, v_facts), 'conditionsHold', v_trace -> 'holds',
    'depthAllows', v_run.depth < v_automation.depth_limit, 'decidedBy', pipeline.deciding_condition(v_trace), 'trace', v_trace, 'role', v_role,
    'actions', v_outcome.results, 'error', v_outcome.error);
end
$$;
comment on function pipeline.dry_run_automation(uuid, uuid, uuid, jsonb) is
  E'@resultFieldName outcome\nTries an automation on an event of the feed, a webhook or a sample, and undoes all of it: whether it would fire, which condition decided, and what each action would do, with the error that it would meet. Nothing is kept, and nothing is sent.';
grant execute on function pipeline.dry_run_automation(uuid, uuid, uuid, jsonb) to rowhouse_manager;
