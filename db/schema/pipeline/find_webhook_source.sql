set local role rowhouse_definer;
create or replace function private.find_webhook_source(p_path_token text) returns table (
  tenant_id uuid, webhook_source_id uuid, scheme text, signature_header text, signature_encoding text, tolerance_seconds integer,
  event_id_from text, event_type_from text, sealed_secret bytea, previous_sealed_secret bytea
)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select s.tenant_id, s.id, s.signature_scheme::text, s.signature_header, s.signature_encoding::text, s.tolerance_seconds, s.event_id_from,
    s.event_type_from, k.sealed_secret, case when k.previous_expires_at > clock_timestamp() then k.previous_sealed_secret end
  from pipeline.webhook_sources s
  join iam.tenants t on t.id = s.tenant_id and t.deleted_at is null and t.status = 'active'
  left join private.webhook_source_secrets k on k.tenant_id = s.tenant_id and k.webhook_source_id = s.id
  where s.path_token = p_path_token and s.deleted_at is null and s.is_active;
end;
comment on function private.find_webhook_source(text) is
  'The active source at an address, with what verifies its calls. Crosses tenants: the address alone tells whose it is.';
grant execute on function private.find_webhook_source(text) to rowhouse_identity;
revoke all on function private.find_webhook_source(text) from public;
set local role rowhouse_owner;
