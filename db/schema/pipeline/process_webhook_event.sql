create or replace function pipeline.process_webhook_event(p_event_id uuid) returns pipeline.webhook_outcome
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_event pipeline.webhook_events;
  v_run_ids uuid[];
begin
  select * into v_event from pipeline.webhook_events e where e.tenant_id = app.tenant_id() and e.id = p_event_id and e.verdict in ('valid', 'unsigned');
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook event %s that may be processed.', p_event_id));
  end if;
  -- Whatever it causes carries its correlation.
  perform set_config('rowhouse.correlation_id', v_event.correlation_id::text, true);
  -- The automations come later in the book.
  if to_regprocedure('pipeline.start_webhook_automations(uuid)') is not null then
    execute 'select array_agg(run_id) from pipeline.start_webhook_automations($1) run_id' into v_run_ids using v_event.id;
  end if;
  if cardinality(v_run_ids) > 0 then
    insert into pipeline.webhook_event_outcomes (tenant_id, webhook_event_id, outcome, pipeline_run_id)
    select v_event.tenant_id, v_event.id, 'processed', r from unnest(v_run_ids) r;
    return 'processed';
  end if;
  insert into pipeline.webhook_event_outcomes (tenant_id, webhook_event_id, outcome) values (v_event.tenant_id, v_event.id, 'ignored');
  return 'ignored';
end
$$;
comment on function pipeline.process_webhook_event(uuid) is
  'Starts the automations of a webhook''s source and notes what became of it: one outcome for each run that it set going, or that nothing waits for it.';
grant execute on function pipeline.process_webhook_event(uuid) to rowhouse_system;
