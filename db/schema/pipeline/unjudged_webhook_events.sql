-- Calls that were stored, and whose server stopped before it judged them.
grant select on pipeline.webhook_events to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.unjudged_webhook_events(p_after_tenant_id uuid, p_after_id uuid, p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select e.tenant_id, e.id from pipeline.webhook_events e
  join iam.tenants t on t.id = e.tenant_id and t.deleted_at is null and t.status = 'active'
  where e.verdict = 'received' and e.received_at < now() - interval '1 minute' and (e.tenant_id, e.id) > (p_after_tenant_id, p_after_id)
  order by e.tenant_id, e.id limit p_limit;
end;
comment on function private.unjudged_webhook_events(uuid, uuid, integer) is
  'Calls that have waited for a verdict for a minute, after one of them. Crosses tenants: one task judges what was left for all of them.';
grant execute on function private.unjudged_webhook_events(uuid, uuid, integer) to rowhouse_worker;
revoke all on function private.unjudged_webhook_events(uuid, uuid, integer) from public;
set local role rowhouse_owner;

create or replace function private.hold_webhook_event(p_event_id uuid) returns table (
  tenant_id uuid, webhook_source_id uuid, path_token text, scheme text, signature_header text, signature_encoding text, tolerance_seconds integer,
  event_id_from text, event_type_from text, sealed_secret bytea, previous_sealed_secret bytea,
  headers jsonb, repeated_headers text[], called_urls text[], raw_body bytea, received_at timestamptz
)
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select s.tenant_id, s.id, s.path_token, s.signature_scheme::text, s.signature_header, s.signature_encoding::text, s.tolerance_seconds, s.event_id_from,
    s.event_type_from, k.sealed_secret, case when k.previous_expires_at > e.received_at then k.previous_sealed_secret end,
    e.headers, coalesce(e.repeated_headers, '{}'), coalesce(e.called_urls, '{}'), coalesce(e.raw_body, ''), e.received_at
  from pipeline.webhook_events e
  join pipeline.webhook_sources s on s.tenant_id = e.tenant_id and s.id = e.webhook_source_id
  left join private.webhook_source_secrets k on k.tenant_id = s.tenant_id and k.webhook_source_id = s.id
  where e.tenant_id = app.tenant_id() and e.id = p_event_id and e.verdict = 'received'
  for update of e skip locked;
end;
comment on function private.hold_webhook_event(uuid) is
  'A call of this tenant that waits for its verdict, with what it is judged by: the secrets that counted when it came. Nothing when somebody else judges it.';
grant execute on function private.hold_webhook_event(uuid) to rowhouse_system;
revoke all on function private.hold_webhook_event(uuid) from public;
