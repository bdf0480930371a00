create or replace function crm.keep_primary_identifiers() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_contacts uuid[];
begin
  -- Each event has transition tables of its own; the contacts of the old rows count, too.
  if tg_op = 'INSERT' then
    v_contacts := array(select distinct contact_id from new_rows where is_primary and channel in ('email', 'phone', 'sms'));
  elsif tg_op = 'DELETE' then
    v_contacts := array(select distinct contact_id from old_rows where is_primary and channel in ('email', 'phone', 'sms'));
  else
    v_contacts := array(select contact_id from new_rows union select contact_id from old_rows);
  end if;
  if cardinality(v_contacts) = 0 then
    return null;
  end if;
  update crm.contacts c set primary_email = p.email, primary_phone_e164 = p.phone
  from (
    select t.id,
      (select i.identifier from crm.channel_identifiers i where i.tenant_id = app.tenant_id() and i.contact_id = t.id
        and i.channel = 'email' and i.is_primary and i.deleted_at is null) as email,
      (select i.identifier from crm.channel_identifiers i where i.tenant_id = app.tenant_id() and i.contact_id = t.id
        and i.channel in ('phone', 'sms') and i.is_primary and i.deleted_at is null order by i.channel limit 1) as phone
    from unnest(v_contacts) t (id)
  ) p
  where c.tenant_id = app.tenant_id() and c.id = p.id
    and (c.primary_email, c.primary_phone_e164) is distinct from (p.email, p.phone);
  return null;
end
$$;
comment on function crm.keep_primary_identifiers() is
  'Keeps primary_email and primary_phone_e164 of contacts equal to their primary identifiers: one update per statement.';
select ddl.trigger('crm.channel_identifiers', '_300_primary_on_insert',
  'after insert referencing new table as new_rows for each statement execute function crm.keep_primary_identifiers()');
select ddl.trigger('crm.channel_identifiers', '_300_primary_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function crm.keep_primary_identifiers()');
select ddl.trigger('crm.channel_identifiers', '_300_primary_on_delete',
  'after delete referencing old table as old_rows for each statement execute function crm.keep_primary_identifiers()');
