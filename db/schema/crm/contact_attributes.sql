-- What a tenant wants to know of its contacts beyond our columns, one typed value a row.
create table if not exists crm.contact_attributes (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  key text not null constraint contact_attributes_key_check check (key ~ '^[a-z][a-z0-9_.]{0,99}$'),
  data_type crm.attribute_type not null default 'text',
  value jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_attributes_pkey primary key (tenant_id, id),
  constraint contact_attributes_value_check check (octet_length(value::text) <= 65536 and case data_type
    when 'text' then jsonb_typeof(value) = 'string'
    when 'number' then jsonb_typeof(value) = 'number'
    when 'boolean' then jsonb_typeof(value) = 'boolean'
    when 'date' then jsonb_typeof(value) = 'string' and pg_input_is_valid(value #>> '{}', 'date')
    when 'timestamp' then jsonb_typeof(value) = 'string' and pg_input_is_valid(value #>> '{}', 'timestamptz')
    else true end)
);
comment on table crm.contact_attributes is E'@typeid attr\nA custom attribute of a contact, with a typed value.';
comment on column crm.contact_attributes.key is 'Name of the attribute, such as loyalty_level.';
comment on column crm.contact_attributes.value is 'The value as JSON; it must be of the stated type.';
create unique index if not exists contact_attributes_contact_id_key_key on crm.contact_attributes (tenant_id, contact_id, key) where deleted_at is null;
create index if not exists contact_attributes_contact_id_idx on crm.contact_attributes (tenant_id, contact_id, id);
create index if not exists contact_attributes_key_idx on crm.contact_attributes (tenant_id, key, id);
select ddl.foreign_key('crm.contact_attributes', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint contact_attributes_contact_id_fkey on crm.contact_attributes is E'@nestedCreate\n@foreignFieldName customAttributes';
select ddl.tenant_table('crm.contact_attributes', p_insert => '{contact_id,key,data_type,value}', p_update => '{data_type,value}');
select ddl.masked('crm.contact_attributes', '{"value": "app.mask_json(t.value, app.names_contact(t.key))"}');
