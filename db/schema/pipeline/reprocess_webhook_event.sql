create or replace function pipeline.reprocess_webhook_event(webhook_event_id uuid) returns pipeline.webhook_events
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_event pipeline.webhook_events;
begin
  perform app.require_scope('pipeline:write');
  select * into v_event from pipeline.webhook_events e where e.tenant_id = app.tenant_id() and e.id = reprocess_webhook_event.webhook_event_id;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook event %s.', webhook_event_id), 'webhookEventId');
  end if;
  if v_event.verdict not in ('valid', 'unsigned') then
    perform app.raise('INVALID_STATE', format('Webhook event %s is %s. Only one that is valid or unsigned can be processed.', webhook_event_id,
      replace(v_event.verdict, '_', ' ')), 'webhookEventId');
  end if;
  perform pipeline.enqueue_jobs('process_webhook_event', 'webhook_events', v_event.tenant_id, array[v_event.id]);
  return v_event;
end
$$;
comment on function pipeline.reprocess_webhook_event(uuid) is
  'Processes a webhook that came in once more, such as after an automation was mended. What becomes of it is a further outcome.';
grant execute on function pipeline.reprocess_webhook_event(uuid) to rowhouse_manager;
