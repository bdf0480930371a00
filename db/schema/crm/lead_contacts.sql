-- The people behind a lead.
create table if not exists crm.lead_contacts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  lead_id uuid not null,
  contact_id uuid not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lead_contacts_pkey primary key (tenant_id, id)
);
comment on table crm.lead_contacts is E'@typeid leadc\nThat a contact stands behind a lead.';
comment on column crm.lead_contacts.is_primary is 'Whom to ask for first; a lead has one at most.';
create unique index if not exists lead_contacts_lead_id_contact_id_key on crm.lead_contacts (tenant_id, lead_id, contact_id) where deleted_at is null;
create unique index if not exists lead_contacts_is_primary_key on crm.lead_contacts (tenant_id, lead_id) where is_primary and deleted_at is null;
create index if not exists lead_contacts_lead_id_idx on crm.lead_contacts (tenant_id, lead_id, contact_id);
create index if not exists lead_contacts_contact_id_idx on crm.lead_contacts (tenant_id, contact_id, lead_id);
select ddl.foreign_key('crm.lead_contacts', 'lead_id', 'crm.leads', 'cascade', p_index => false);
select ddl.foreign_key('crm.lead_contacts', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint lead_contacts_lead_id_fkey on crm.lead_contacts is E'@behavior +manyToMany\n@manyToManyFieldName leads\n@foreignFieldName contactLinks';
comment on constraint lead_contacts_contact_id_fkey on crm.lead_contacts is E'@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName leadLinks';
select ddl.tenant_table('crm.lead_contacts', p_insert => '{lead_id,contact_id,is_primary}', p_update => '{is_primary}');
