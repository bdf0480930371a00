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
    v_contacts := array(
      select contact_id from new_rows where is_primary and channel in ('email', 'phone', 'sms')
      union select contact_id from old_rows where is_primary and channel in ('email', 'phone', 'sms'));
  end if;
  if cardinality(v_contacts) = 0 then
    return null;
  end if;
  -- All contacts in one pass, planned for this very array: with a look-up for each contact, statistics that do not know the
  -- tenant yet made a bulk insert quadratic.
  execute $sql$
    update crm.contacts c set primary_email = p.email, primary_phone_e164 = p.phone
    from unnest($1) t (id)
    left join (
      select i.contact_id, max(i.identifier) filter (where i.channel = 'email') as email,
        coalesce(max(i.identifier) filter (where i.channel = 'phone'), max(i.identifier) filter (where i.channel = 'sms')) as phone
      from crm.channel_identifiers i
      where i.tenant_id = app.tenant_id() and i.contact_id = any ($1) and i.is_primary and i.deleted_at is null
      group by i.contact_id
    ) p on p.contact_id = t.id
    where c.tenant_id = app.tenant_id() and c.id = any ($1) and c.id = t.id
      and (c.primary_email, c.primary_phone_e164) is distinct from (p.email, p.phone)
  $sql$ using v_contacts;
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
