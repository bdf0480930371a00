create or replace function crm.add_contact_tag(contact_id uuid, tag text) returns crm.contact_tag_mapping
language plpgsql set search_path to pg_catalog as $$
#variable_conflict use_column
declare
  v_tag_id uuid;
  v_mapping crm.contact_tag_mapping;
begin
  perform app.require_scope('crm:write');
  if not exists (select from crm.contacts c where c.tenant_id = app.tenant_id() and c.id = add_contact_tag.contact_id and c.deleted_at is null) then
    perform app.raise('NOT_FOUND', format('There is no contact %s.', add_contact_tag.contact_id), 'contactId');
  end if;
  if add_contact_tag.tag is null or length(btrim(add_contact_tag.tag)) not between 1 and 100 then
    perform app.raise('VALIDATION_FAILED', 'A tag has 1 to 100 characters.', 'tag');
  end if;
  insert into crm.contact_tags (name) values (add_contact_tag.tag) on conflict (tenant_id, name) where deleted_at is null do nothing returning id into v_tag_id;
  if v_tag_id is null then
    select t.id into v_tag_id from crm.contact_tags t where t.tenant_id = app.tenant_id() and t.name = add_contact_tag.tag and t.deleted_at is null;
  end if;
  insert into crm.contact_tag_mapping (contact_id, contact_tag_id) values (add_contact_tag.contact_id, v_tag_id)
  on conflict (tenant_id, contact_id, contact_tag_id) where deleted_at is null do nothing returning * into v_mapping;
  if v_mapping.id is null then
    select * into v_mapping from crm.contact_tag_mapping m
    where m.tenant_id = app.tenant_id() and m.contact_id = add_contact_tag.contact_id and m.contact_tag_id = v_tag_id and m.deleted_at is null;
  end if;
  return v_mapping;
end
$$;
comment on function crm.add_contact_tag(uuid, text) is 'Marks a contact with the tag of this name, which is made if there is none; nothing changes when the contact has it.';
grant execute on function crm.add_contact_tag(uuid, text) to rowhouse_member;
