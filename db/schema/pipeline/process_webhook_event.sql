create or replace function pipeline.process_webhook_event(p_event_id uuid) returns pipeline.webhook_outcome
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_event pipeline.webhook_events;
  v_fired integer;
  v_outcome pipeline.webhook_outcome;
begin
  select * into v_event from pipeline.webhook_events e where e.tenant_id = app.tenant_id() and e.id = p_event_id and e.verdict in ('valid', 'unsigned');
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook event %s that may be processed.', p_event_id));
  end if;
  -- Whatever it causes carries its correlation.
  perform set_config('rowhouse.correlation_id', v_event.correlation_id::text, true);
  -- Each automation keeps a log of its own runs.
  v_fired := pipeline.fire_automations_for_webhook(v_event.id);
  v_outcome := case when v_fired > 0 then 'processed' else 'ignored' end;
  insert into pipeline.webhook_event_outcomes (tenant_id, webhook_event_id, outcome) values (v_event.tenant_id, v_event.id, v_outcome);
  return v_outcome;
end
$$;
comment on function pipeline.process_webhook_event(uuid) is
  'Fires the automations that wait for a webhook''s source, and notes what became of it: that they were, or that nothing waits for it.';
grant execute on function pipeline.process_webhook_event(uuid) to rowhouse_system;
