create or replace function events.replay_webhook_delivery(webhook_delivery_id uuid) returns events.webhook_deliveries
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_delivery events.webhook_deliveries;
begin
  perform app.require_scope('events:write');
  select * into v_delivery from events.webhook_deliveries d
  where d.tenant_id = app.tenant_id() and d.id = replay_webhook_delivery.webhook_delivery_id;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook delivery %s.', replay_webhook_delivery.webhook_delivery_id), 'webhookDeliveryId');
  end if;
  if v_delivery.status not in ('delivered', 'dead') then
    perform app.raise('INVALID_STATE', format('Delivery %s is %s: it is on its way already.', v_delivery.id, v_delivery.status), 'webhookDeliveryId');
  end if;
  perform private.add_webhook_deliveries(jsonb_build_array(jsonb_build_object(
    'subscription_id', v_delivery.webhook_subscription_id, 'event_id', v_delivery.event_id, 'event_type', v_delivery.event_type, 'position', v_delivery.position,
    'subject_type', v_delivery.subject_type, 'subject_id', v_delivery.subject_id, 'payload', v_delivery.payload)), true);
  select * into v_delivery from events.webhook_deliveries d
  where d.tenant_id = app.tenant_id() and d.id = replay_webhook_delivery.webhook_delivery_id;
  return v_delivery;
end
$$;
comment on function events.replay_webhook_delivery(uuid) is
  'Sends a delivery that is over once more: the same webhook-id and the same body, signed anew. It waits while its subscription is disabled.';
grant execute on function events.replay_webhook_delivery(uuid) to rowhouse_admin;

create or replace function events.replay_webhook_events(
  webhook_subscription_id uuid, after text default null, since timestamptz default null, until timestamptz default null
) returns events.webhook_replays
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_replay events.webhook_replays;
begin
  perform app.require_scope('events:write');
  perform from events.webhook_subscriptions s
  where s.tenant_id = app.tenant_id() and s.id = replay_webhook_events.webhook_subscription_id and s.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook subscription %s.', replay_webhook_events.webhook_subscription_id), 'webhookSubscriptionId');
  end if;
  if after is null and since is null then
    perform app.raise('VALIDATION_FAILED', 'Say from where on events are sent once more: after a cursor, or since a time.', 'since');
  end if;
  if since >= until then
    perform app.raise('VALIDATION_FAILED', 'The end of a replay comes after its beginning.', 'until');
  end if;
  insert into events.webhook_replays (tenant_id, webhook_subscription_id, after_position, last_position, since, until)
  values (app.tenant_id(), replay_webhook_events.webhook_subscription_id, coalesce(events.position_of(after), 0), (events.feed_bounds()).horizon, since, until)
  returning * into v_replay;
  return v_replay;
end
$$;
comment on function events.replay_webhook_events(uuid, text, timestamptz, timestamptz) is
  'Sends a stretch of the feed to a subscriber once more, in its order and as far as it matches the types of the subscription: what was delivered or given up goes again under the same webhook-id with the same body, what never had a delivery gets one.';
grant execute on function events.replay_webhook_events(uuid, text, timestamptz, timestamptz) to rowhouse_admin;

create or replace function events.test_webhook_subscription(webhook_subscription_id uuid) returns events.webhook_deliveries
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_subscription events.webhook_subscriptions;
  v_event_id uuid := uuidv7();
  v_delivery events.webhook_deliveries;
begin
  perform app.require_scope('events:write');
  select * into v_subscription from events.webhook_subscriptions s
  where s.tenant_id = app.tenant_id() and s.id = test_webhook_subscription.webhook_subscription_id and s.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no webhook subscription %s.', test_webhook_subscription.webhook_subscription_id), 'webhookSubscriptionId');
  end if;
  if v_subscription.status <> 'active' then
    perform app.raise('INVALID_STATE', format('Webhook subscription %s is disabled: nothing is sent. Set its status to ACTIVE first.', v_subscription.id), 'webhookSubscriptionId');
  end if;
  insert into events.webhook_deliveries (tenant_id, webhook_subscription_id, event_id, event_type, subject_type, subject_id, payload)
  values (v_subscription.tenant_id, v_subscription.id, v_event_id, 'webhook.ping', 'ping', v_event_id,
    jsonb_build_object('type', 'webhook.ping', 'timestamp', to_jsonb(now()), 'data', jsonb_build_object('subscription', v_subscription.name)))
  returning * into v_delivery;
  perform pg_notify('rowhouse_webhooks', '');
  return v_delivery;
end
$$;
comment on function events.test_webhook_subscription(uuid) is 'Sends an event of type webhook.ping to a subscriber, whatever types it asks for.';
grant execute on function events.test_webhook_subscription(uuid) to rowhouse_admin;
