-- Which contact has which tag.
create table if not exists crm.contact_tag_mapping (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  contact_tag_id uuid not null,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_tag_mapping_pkey primary key (tenant_id, id)
);
comment on table crm.contact_tag_mapping is E'@typeid tagm\nThat a contact has a tag.';
comment on column crm.contact_tag_mapping.created_by is 'Actor who marked the contact.';
create unique index if not exists contact_tag_mapping_contact_id_contact_tag_id_key
  on crm.contact_tag_mapping (tenant_id, contact_id, contact_tag_id) where deleted_at is null;
create index if not exists contact_tag_mapping_contact_id_idx on crm.contact_tag_mapping (tenant_id, contact_id, contact_tag_id);
create index if not exists contact_tag_mapping_contact_tag_id_idx on crm.contact_tag_mapping (tenant_id, contact_tag_id, contact_id);
select ddl.foreign_key('crm.contact_tag_mapping', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('crm.contact_tag_mapping', 'contact_tag_id', 'crm.contact_tags', 'cascade', p_index => false);
select ddl.foreign_key('crm.contact_tag_mapping', 'created_by', 'iam.actors', 'set null');
comment on constraint contact_tag_mapping_contact_id_fkey on crm.contact_tag_mapping is E'@nestedCreate link\n@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName taggings';
comment on constraint contact_tag_mapping_contact_tag_id_fkey on crm.contact_tag_mapping is E'@behavior +manyToMany\n@manyToManyFieldName tags\n@foreignFieldName taggings';
select ddl.tenant_table('crm.contact_tag_mapping', p_insert => '{contact_id,contact_tag_id}', p_update => '{deleted_at}');
