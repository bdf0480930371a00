create or replace function crm.unmask_contact(contact_id uuid, reason text) returns crm.unmasked
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_result crm.unmasked;
begin
  perform app.require_scope('crm:read');
  if not exists (select from crm.contacts c where c.tenant_id = app.tenant_id() and c.id = unmask_contact.contact_id and c.deleted_at is null) then
    perform app.raise('NOT_FOUND', format('There is no contact %s.', unmask_contact.contact_id), 'contactId');
  end if;
  perform private.note_unmasking('contacts', unmask_contact.contact_id, reason);
  select coalesce(array_agg(w.way order by w.rank, w.way) filter (where w.way like '%@%'), '{}'),
    coalesce(array_agg(w.way order by w.rank, w.way) filter (where w.way like '+%'), '{}')
  into v_result
  from (
    select v.way, min(v.rank) as rank
    from crm.contacts c
    cross join lateral (
      select 1 as rank, c.primary_email as way union all select 1, c.primary_phone_e164
      union all
      select 2, i.identifier from crm.channel_identifiers i where i.tenant_id = c.tenant_id and i.contact_id = c.id and i.deleted_at is null
        and i.channel in ('email', 'sms', 'phone', 'whatsapp', 'voice')
      union all
      select 3, unnest(array[p.email, p.phone_e164]) from crm.positions p where p.tenant_id = c.tenant_id and p.contact_id = c.id and p.deleted_at is null
    ) v
    where c.tenant_id = app.tenant_id() and c.id = unmask_contact.contact_id and v.way is not null
    group by v.way
  ) w;
  return v_result;
end
$$;
comment on function crm.unmask_contact(uuid, text) is
  'The e-mail addresses and phone numbers of a contact in full, for those who see them masked. The reason is written to the audit log; each may ask for so many within an hour.';
grant execute on function crm.unmask_contact(uuid, text) to rowhouse_viewer, rowhouse_viewer_masked;
