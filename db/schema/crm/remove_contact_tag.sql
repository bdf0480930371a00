create or replace function crm.remove_contact_tag(contact_id uuid, tag text) returns crm.contacts
language plpgsql set search_path to pg_catalog as $$
declare
  v_contact crm.contacts;
begin
  perform app.require_scope('crm:write');
  select * into v_contact from crm.contacts c where c.tenant_id = app.tenant_id() and c.id = remove_contact_tag.contact_id and c.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no contact %s.', remove_contact_tag.contact_id), 'contactId');
  end if;
  update crm.contact_tag_mapping m set deleted_at = now()
  from crm.contact_tags t
  where m.tenant_id = v_contact.tenant_id and m.contact_id = v_contact.id and m.deleted_at is null
    and t.tenant_id = m.tenant_id and t.id = m.contact_tag_id and t.name = remove_contact_tag.tag and t.deleted_at is null;
  return v_contact;
end
$$;
comment on function crm.remove_contact_tag(uuid, text) is 'Takes the tag of this name from a contact; nothing changes when the contact does not have it.';
grant execute on function crm.remove_contact_tag(uuid, text) to rowhouse_member;
