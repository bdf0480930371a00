create or replace function crm.yield_primary_identifiers(p_winner uuid, p_loser uuid, p_fields text[]) returns jsonb
language sql volatile set search_path to pg_catalog
begin atomic
  select jsonb_build_array(jsonb_build_object('table', 'crm.channel_identifiers', 'key', 'contact_id', 'moved', '[]'::jsonb, 'dropped', '[]'::jsonb,
    'altered', crm.alter_rows('crm.channel_identifiers', array(
      select i.id from crm.channel_identifiers i
      where i.tenant_id = app.tenant_id() and i.contact_id = p_winner and i.is_primary and i.deleted_at is null
        and case i.channel when 'email' then 'primary_email' when 'phone' then 'primary_phone_e164' when 'sms' then 'primary_phone_e164' end = any (p_fields)
        -- The number of the contact is the one for calls; where the loser has only one for messages, that one is to count.
        and (i.channel = 'phone' or exists (
          select from crm.channel_identifiers l where l.tenant_id = app.tenant_id() and l.contact_id = p_loser and l.channel = i.channel
            and l.is_primary and l.deleted_at is null))
    ), '{"is_primary": false}')));
end;
comment on function crm.yield_primary_identifiers(uuid, uuid, text[]) is
  'Makes room for the loser''s primary e-mail address or number where it is to survive; answers with what it changed, as merges.changes has it.';
