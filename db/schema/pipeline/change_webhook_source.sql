create or replace function app.create_webhook_source(p_name text, p_provider text, p_scheme text, p_header text, p_encoding text, p_tolerance integer,
  p_event_id_from text, p_event_type_from text) returns pipeline.webhook_sources
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source pipeline.webhook_sources;
begin
  perform app.require_scope('pipeline:write');
  insert into pipeline.webhook_sources (tenant_id, name, provider, signature_scheme, signature_header, signature_encoding, tolerance_seconds,
    event_id_from, event_type_from)
  values (app.tenant_id(), p_name, p_provider, p_scheme, p_header, coalesce(p_encoding, 'hex'), coalesce(p_tolerance, 300), p_event_id_from, p_event_type_from)
  returning * into v_source;
  return v_source;
end
$$;
comment on function app.create_webhook_source(text, text, text, text, text, integer, text, text) is
  'Makes a source of webhooks. The API''s mutation of that name shows its address, which nothing else does.';

create or replace function app.set_webhook_source_secret(p_source_id uuid, p_sealed_secret bytea, p_overlap interval) returns pipeline.webhook_sources
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source pipeline.webhook_sources;
begin
  perform app.require_scope('pipeline:write');
  select * into v_source from pipeline.webhook_sources s
  where s.tenant_id = app.tenant_id() and s.id = p_source_id and s.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such source of webhooks.', 'webhookSourceId');
  end if;
  if p_overlap < interval '0' or p_overlap > interval '30 days' then
    perform app.raise('VALIDATION_FAILED', 'The previous secret may count for 0 to 43200 minutes more.', 'overlapMinutes');
  end if;
  insert into private.webhook_source_secrets as k (tenant_id, webhook_source_id, sealed_secret)
  values (v_source.tenant_id, v_source.id, p_sealed_secret)
  on conflict (tenant_id, webhook_source_id) do update
  set sealed_secret = excluded.sealed_secret, rotated_at = now(),
    previous_sealed_secret = case when p_overlap > interval '0' then k.sealed_secret end,
    previous_expires_at = case when p_overlap > interval '0' then now() + p_overlap end;
  return v_source;
end
$$;
comment on function app.set_webhook_source_secret(uuid, bytea, interval) is
  'Keeps the secret that verifies the calls of a source, sealed by the server; the one before counts for a while more.';

create or replace function app.rotate_webhook_source_address(p_source_id uuid) returns pipeline.webhook_sources
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_source pipeline.webhook_sources;
begin
  perform app.require_scope('pipeline:write');
  update pipeline.webhook_sources s set path_token = default
  where s.tenant_id = app.tenant_id() and s.id = p_source_id and s.deleted_at is null
  returning * into v_source;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such source of webhooks.', 'webhookSourceId');
  end if;
  return v_source;
end
$$;
comment on function app.rotate_webhook_source_address(uuid) is 'Gives a source another address; the one before ends at once.';
grant execute on function app.create_webhook_source(text, text, text, text, text, integer, text, text),
  app.set_webhook_source_secret(uuid, bytea, interval), app.rotate_webhook_source_address(uuid) to rowhouse_admin;
