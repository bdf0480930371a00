create or replace function crm.unmask_lead(lead_id uuid, reason text) returns crm.unmasked
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_lead crm.leads;
begin
  perform app.require_scope('crm:read');
  select * into v_lead from crm.leads l where l.tenant_id = app.tenant_id() and l.id = unmask_lead.lead_id and l.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no lead %s.', unmask_lead.lead_id), 'leadId');
  end if;
  perform private.note_unmasking('leads', v_lead.id, reason);
  return row(
    array(select distinct e from unnest(array[v_lead.email] || array(select jsonb_array_elements(v_lead.emails) #>> '{}')) e where e is not null),
    array(select distinct p from unnest(array[v_lead.phone_e164, v_lead.mobile_phone_e164, v_lead.phone] || array(select jsonb_array_elements(v_lead.phones) #>> '{}')) p
      where p is not null))::crm.unmasked;
end
$$;
comment on function crm.unmask_lead(uuid, text) is 'The same for a lead: its e-mail addresses and phone numbers in full, audited.';
grant execute on function crm.unmask_lead(uuid, text) to rowhouse_viewer, rowhouse_viewer_masked;
