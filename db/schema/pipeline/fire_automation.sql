create or replace function pipeline.switch_off_automation(p_automation_id uuid, p_reason text) returns void
language plpgsql volatile security definer set search_path to pg_catalog as $$
begin
  update pipeline.automations a set is_enabled = false, disabled_reason = p_reason, disabled_at = now()
  where a.tenant_id = app.tenant_id() and a.id = p_automation_id and a.is_enabled;
  if found then
    perform private.write_event(app.tenant_id(), 'automation.disabled', 'automations', array[p_automation_id], 1, jsonb_build_object('reason', p_reason));
  end if;
end
$$;
comment on function pipeline.switch_off_automation(uuid, text) is E'@behavior -*\nSwitches an automation off and says why, in its row and as the event automation.disabled.';

create or replace function pipeline.fire_automation(p_automation pipeline.automations, p_cause pipeline.automation_runs, p_facts jsonb, p_fate text default null) returns text
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_claims text[] := pipeline.claims();
  v_trace jsonb := pipeline.conditions_hold(p_automation.conditions, p_facts);
  v_status text := 'queued';
  v_reason text;
  v_refused integer;
  v_count integer;
begin
  -- One firing after the other, so that they can be counted.
  perform from pipeline.automations a where a.tenant_id = p_automation.tenant_id and a.id = p_automation.id for no key update;
  if p_automation.trigger_type = 'message_received' and p_facts #>> '{subject,direction}' is distinct from 'INBOUND' then
    v_status := 'skipped';
    v_reason := 'The message went out.';
  elsif not (v_trace ->> 'holds')::boolean then
    v_status := 'skipped';
    v_reason := format('The condition %s does not hold.', pipeline.deciding_condition(v_trace) ->> 'path');
  elsif pipeline.lent_role(p_automation) is null then
    v_status := 'refused';
    v_reason := 'Whoever wrote this automation last is not here any more, or their key ended: nobody lends it a role. Save it again.';
  elsif p_cause.depth >= p_automation.depth_limit then
    v_status := 'refused';
    v_reason := format('%s automations stand behind this event, and %s is the limit. Automations that set each other going would never end: change their conditions.',
      p_cause.depth, p_automation.depth_limit);
  elsif p_fate is not null then
    -- The rows of one event have one fate, and count once.
    v_status := p_fate;
    v_reason := case when p_fate = 'refused' then 'It fired too often within a minute, as for the row before.' end;
  else
    -- No more is counted than the limit.
    select count(*) into v_count from (
      select from pipeline.automation_runs r
      where r.tenant_id = p_automation.tenant_id and r.automation_id = p_automation.id and r.created_at > now() - interval '1 minute'
        and r.created_at >= p_automation.armed_at and r.is_counted and r.status <> 'refused' limit p_automation.rate_limit) fired;
    if v_count >= p_automation.rate_limit then
      v_status := 'refused';
      v_reason := format('It fired %s times within a minute, and %s is the limit. Retry it, raise rateLimit, or let conditions choose.', v_count, p_automation.rate_limit);
      select count(*) into v_refused from pipeline.automation_runs r
      where r.tenant_id = p_automation.tenant_id and r.automation_id = p_automation.id and r.created_at > now() - interval '10 minutes'
        and r.created_at >= p_automation.armed_at and r.is_counted and r.status = 'refused';
    end if;
  end if;
  -- What is written about the firing is the automation's own doing, one step further from the cause.
  perform set_config('jwt.claims.actor_id', p_automation.actor_id::text, true), pipeline.note_cause(p_cause.depth + 1, p_cause.correlation_id);
  insert into pipeline.automation_runs (tenant_id, automation_id, status, reason, event_id, webhook_event_id, due_at, subject_type, subject_id, depth, correlation_id,
    decided_by, is_counted, error_code, finished_at)
  values (p_automation.tenant_id, p_automation.id, v_status, v_reason, p_cause.event_id, p_cause.webhook_event_id, p_cause.due_at, p_cause.subject_type, p_cause.subject_id,
    p_cause.depth, coalesce(p_cause.correlation_id, uuidv7()), pipeline.deciding_condition(v_trace), v_count is not null, case when v_refused is not null then 'LIMIT_EXCEEDED' end,
    case when v_status <> 'queued' then now() end)
  on conflict do nothing;
  get diagnostics v_count = row_count;
  if v_count = 1 and v_status = 'queued' then
    update pipeline.automations a set trigger_count = a.trigger_count + 1, last_triggered_at = now() where a.tenant_id = p_automation.tenant_id and a.id = p_automation.id;
  elsif v_count = 1 and v_refused + 1 > 5 * p_automation.rate_limit then
    perform pipeline.switch_off_automation(p_automation.id, 'rate_limited');
  end if;
  perform pipeline.restore_claims(v_claims);
  return case when v_count = 1 then v_status end;
end
$$;
comment on function pipeline.fire_automation(pipeline.automations, pipeline.automation_runs, jsonb, text) is
  E'@behavior -*\nDecides one firing and writes it down: queued, skipped by its conditions, or refused by a limit. At most once for each cause. Returns which of these, or null for one that was decided before.';
grant execute on function pipeline.switch_off_automation(uuid, text), pipeline.fire_automation(pipeline.automations, pipeline.automation_runs, jsonb, text) to rowhouse_system;
