-- Where a contact lives and lived.
create table if not exists crm.contact_addresses (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  kind crm.address_kind not null default 'home',
  address_line1 text, address_line2 text, city text, state text, county text, postal_code text,
  country text constraint contact_addresses_country_check check (country ~ '^[A-Z]{2}$'),
  is_current boolean not null default true,
  source text constraint contact_addresses_source_check check (length(source) <= 200),
  valid_from date,
  valid_until date,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contact_addresses_pkey primary key (tenant_id, id),
  constraint contact_addresses_valid_until_check check (valid_until >= valid_from),
  constraint contact_addresses_address_line1_check check (num_nonnulls(address_line1, city, postal_code) > 0)
);
comment on table crm.contact_addresses is E'@typeid addr\nA postal address of a contact, now or earlier.';
comment on column crm.contact_addresses.is_current is 'Whether it still holds; the others are history.';
comment on column crm.contact_addresses.source is 'Where it is known from.';
comment on column crm.contact_addresses.valid_from is 'First day there.';
comment on column crm.contact_addresses.valid_until is 'Last day there.';
create index if not exists contact_addresses_contact_id_idx on crm.contact_addresses (tenant_id, contact_id, is_current, id);
create index if not exists contact_addresses_postal_code_idx on crm.contact_addresses (tenant_id, postal_code) where postal_code is not null;
select ddl.foreign_key('crm.contact_addresses', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint contact_addresses_contact_id_fkey on crm.contact_addresses is E'@nestedCreate\n@foreignFieldName addresses';
select ddl.tenant_table('crm.contact_addresses',
  p_insert => '{contact_id,kind,address_line1,address_line2,city,state,county,postal_code,country,is_current,source,valid_from,valid_until}',
  p_update => '{kind,address_line1,address_line2,city,state,county,postal_code,country,is_current,source,valid_from,valid_until}');
