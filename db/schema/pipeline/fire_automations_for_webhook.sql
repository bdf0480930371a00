create or replace function pipeline.fire_automations_for_webhook(p_webhook_event_id uuid) returns integer
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_event pipeline.webhook_events;
  v_facts jsonb;
  v_automation pipeline.automations;
  v_cause pipeline.automation_runs;
  v_count integer := 0;
begin
  select * into v_event from pipeline.webhook_events e
  where e.tenant_id = app.tenant_id() and e.id = p_webhook_event_id and e.verdict in ('valid', 'unsigned');
  if not found then
    return 0;
  end if;
  v_facts := jsonb_build_object('webhook', pipeline.webhook_facts(v_event.id));
  v_cause := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('webhook_event_id', v_event.id, 'depth', 0, 'correlation_id', v_event.correlation_id));
  for v_automation in
    select a.* from pipeline.automations a
    where a.tenant_id = v_event.tenant_id and a.trigger_type = 'webhook' and a.is_enabled and a.deleted_at is null
      and pipeline.trigger_fits(a, v_facts)
    order by a.id
  loop
    v_count := v_count + coalesce(pipeline.fire_automation(v_automation, v_cause, v_facts) = 'queued', false)::integer;
  end loop;
  return v_count;
end
$$;
comment on function pipeline.fire_automations_for_webhook(uuid) is
  E'@behavior -*\nFires the automations that wait for webhooks of this source. Once more for the same one, those fire again whose earlier run did not succeed. Returns how many were queued.';
grant execute on function pipeline.fire_automations_for_webhook(uuid) to rowhouse_system;
