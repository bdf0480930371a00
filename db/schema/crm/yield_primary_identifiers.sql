create or replace function crm.yield_primary_identifiers(p_from uuid, p_to uuid, p_fields text[]) returns jsonb
language sql volatile set search_path to pg_catalog
begin atomic
  select jsonb_build_array(jsonb_build_object('table', 'crm.channel_identifiers', 'key', 'contact_id', 'moved', '[]'::jsonb, 'dropped', '[]'::jsonb,
    'altered', crm.alter_rows('crm.channel_identifiers', array(
      select i.id from crm.channel_identifiers i
      where i.tenant_id = app.tenant_id() and i.contact_id = p_from and i.is_primary and i.deleted_at is null
        and case i.channel when 'email' then 'primary_email' when 'phone' then 'primary_phone_e164' when 'sms' then 'primary_phone_e164' end = any (p_fields)
        -- The number of a contact is the one for calls, if there is one: beside that, the one for messages may stay.
        and (i.channel <> 'sms'
          or exists (select from crm.channel_identifiers t where t.tenant_id = app.tenant_id() and t.contact_id = p_to and t.channel = 'sms'
            and t.is_primary and t.deleted_at is null)
          or not exists (select from crm.channel_identifiers t where t.tenant_id = app.tenant_id() and t.contact_id = p_to and t.channel = 'phone'
            and t.is_primary and t.deleted_at is null))
    ), '{"is_primary": false}')));
end;
comment on function crm.yield_primary_identifiers(uuid, uuid, text[]) is
  'Makes room for the primary e-mail address or number of another contact, even if that has none, where it is to survive; answers with what it changed, as merges.changes has it.';
