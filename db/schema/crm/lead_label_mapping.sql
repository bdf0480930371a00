-- Which lead has which label.
create table if not exists crm.lead_label_mapping (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  lead_id uuid not null,
  lead_label_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lead_label_mapping_pkey primary key (tenant_id, id)
);
comment on table crm.lead_label_mapping is E'@typeid lblm\nThat a lead has a label.';
create unique index if not exists lead_label_mapping_lead_id_lead_label_id_key
  on crm.lead_label_mapping (tenant_id, lead_id, lead_label_id) where deleted_at is null;
create index if not exists lead_label_mapping_lead_id_idx on crm.lead_label_mapping (tenant_id, lead_id, lead_label_id);
create index if not exists lead_label_mapping_lead_label_id_idx on crm.lead_label_mapping (tenant_id, lead_label_id, lead_id);
select ddl.foreign_key('crm.lead_label_mapping', 'lead_id', 'crm.leads', 'cascade', p_index => false);
select ddl.foreign_key('crm.lead_label_mapping', 'lead_label_id', 'crm.lead_labels', 'cascade', p_index => false);
comment on constraint lead_label_mapping_lead_id_fkey on crm.lead_label_mapping is E'@nestedCreate link\n@behavior +manyToMany\n@manyToManyFieldName leads\n@foreignFieldName labelings';
comment on constraint lead_label_mapping_lead_label_id_fkey on crm.lead_label_mapping is E'@behavior +manyToMany\n@manyToManyFieldName labels\n@foreignFieldName labelings';
select ddl.tenant_table('crm.lead_label_mapping', p_insert => '{lead_id,lead_label_id}', p_update => '{deleted_at}');
