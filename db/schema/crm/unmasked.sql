-- Whoever sees contact data masked may ask for it, one by one, and says why: admins see who asked for what.
do $$
begin
  if to_regtype('crm.unmasked') is null then
    create type crm.unmasked as (emails text[], phones text[]);
  end if;
end
$$;
comment on type crm.unmasked is 'The e-mail addresses and phone numbers of somebody, in full.';
comment on column crm.unmasked.emails is E'@notNull\nE-mail addresses, the primary one first.';
comment on column crm.unmasked.phones is E'@notNull\nPhone numbers, the primary one first.';

create or replace function private.note_unmasking(p_entity_type text, p_entity_id uuid, p_reason text) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_ip text := nullif(current_setting('rowhouse.ip', true), '');
  v_limit integer := coalesce((select (t.settings ->> 'unmasksPerHour')::integer from iam.tenants t where t.id = app.tenant_id()), 20);
  v_count bigint;
begin
  if length(btrim(p_reason)) not between 10 and 500 then
    perform app.raise('VALIDATION_FAILED', 'Say in 10 to 500 characters why you need to see it; admins can read that.', 'reason');
  end if;
  -- One at a time for each actor, so that no two count the same.
  perform pg_advisory_xact_lock(hashtextextended('rowhouse unmask ' || app.tenant_id() || coalesce(app.actor_id()::text, app.user_id()::text, ''), 0));
  select count(*) into v_count from audit.audit_logs l
  where l.tenant_id = app.tenant_id() and l.actor_id is not distinct from app.actor_id() and l.action = 'unmask'
    and l.created_at > clock_timestamp() - interval '1 hour';
  if v_count >= v_limit then
    perform app.raise('LIMIT_EXCEEDED', format('You have unmasked %s records within an hour, and may %s. Wait, or ask an admin.', v_count, v_limit), null,
      jsonb_build_object('limit', v_limit, 'count', v_count, 'name', 'unmasksPerHour'));
  end if;
  insert into audit.audit_logs (tenant_id, action, entity_type, entity_id, new_values, actor_id, user_id, ip_address, request_id)
  values (app.tenant_id(), 'unmask', p_entity_type, p_entity_id, jsonb_build_object('reason', btrim(p_reason)), app.actor_id(), app.user_id(),
    case when pg_input_is_valid(v_ip, 'inet') then v_ip::inet end, nullif(current_setting('rowhouse.request_id', true), ''));
end
$$;
comment on function private.note_unmasking(text, uuid, text) is 'Writes to the audit log that somebody asked for masked contact data, and why; refuses it without a reason, or too often.';
