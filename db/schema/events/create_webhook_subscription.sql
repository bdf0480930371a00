create or replace function app.create_webhook_subscription(
  p_id uuid, p_name text, p_description text, p_url text, p_types text[], p_sealed_secret bytea
) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('events:write');
  insert into events.webhook_subscriptions (tenant_id, id, name, description, url, types)
  values (app.tenant_id(), p_id, p_name, p_description, p_url, coalesce(p_types, '{}'));
  insert into private.webhook_subscription_secrets (tenant_id, webhook_subscription_id, sealed_secret) values (app.tenant_id(), p_id, p_sealed_secret);
  return p_id;
end
$$;
comment on function app.create_webhook_subscription(uuid, text, text, text, text[], bytea) is
  'A new outgoing webhook with its signing secret, sealed by the server. The API''s mutation of that name makes the secret and shows it once.';
grant execute on function app.create_webhook_subscription(uuid, text, text, text, text[], bytea) to rowhouse_admin;

create or replace function app.rotate_webhook_secret(p_subscription_id uuid, p_sealed_secret bytea, p_overlap interval) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('events:write');
  if p_overlap not between '0' and interval '30 days' then
    perform app.raise('VALIDATION_FAILED', 'The old secret signs for 0 minutes to 30 days more.', 'overlapMinutes');
  end if;
  perform from events.webhook_subscriptions s
  where s.tenant_id = app.tenant_id() and s.id = p_subscription_id and s.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such webhook subscription.', 'webhookSubscriptionId');
  end if;
  insert into private.webhook_subscription_secrets as k (tenant_id, webhook_subscription_id, sealed_secret)
  values (app.tenant_id(), p_subscription_id, p_sealed_secret)
  on conflict (tenant_id, webhook_subscription_id) do update set
    previous_sealed_secret = case when p_overlap > '0' then k.sealed_secret end,
    previous_expires_at = case when p_overlap > '0' then now() + p_overlap end,
    sealed_secret = excluded.sealed_secret, rotated_at = now();
  return p_subscription_id;
end
$$;
comment on function app.rotate_webhook_secret(uuid, bytea, interval) is
  'Gives an outgoing webhook a new signing secret, sealed by the server; the old one signs, too, until the overlap ends.';
grant execute on function app.rotate_webhook_secret(uuid, bytea, interval) to rowhouse_admin;
