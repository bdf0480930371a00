-- A business. Who works there is in positions.
create table if not exists crm.companies (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint companies_name_check check (length(btrim(name)) between 1 and 500),
  legal_name text constraint companies_legal_name_check check (length(legal_name) <= 500),
  domain text constraint companies_domain_check check (domain = lower(domain) and length(domain) <= 253 and domain !~ '\s'),
  website text constraint companies_website_check check (length(website) <= 2000),
  linkedin_url text constraint companies_linkedin_url_check check (length(linkedin_url) <= 2000),
  phone_e164 text constraint companies_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  industry text constraint companies_industry_check check (length(industry) <= 200),
  sic_code text constraint companies_sic_code_check check (sic_code ~ '^[0-9]{2,8}$'),
  sic_description text constraint companies_sic_description_check check (length(sic_description) <= 500),
  naf_code text constraint companies_naf_code_check check (naf_code ~ '^[0-9]{2}\.?[0-9]{2}[A-Z]$'),
  siren text constraint companies_siren_check check (siren ~ '^[0-9]{9}$'),
  employee_count integer constraint companies_employee_count_check check (employee_count >= 0),
  annual_revenue_minor bigint,
  currency text constraint companies_currency_check check (currency ~ '^[A-Z]{3}$'),
  address_line1 text, address_line2 text, city text, state text, county text, postal_code text,
  country text constraint companies_country_check check (country ~ '^[A-Z]{2}$'),
  attributes jsonb not null default '{}' constraint companies_attributes_check check (jsonb_typeof(attributes) = 'object'),
  source_type crm.source_type not null default 'manual',
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint companies_pkey primary key (tenant_id, id),
  constraint companies_annual_revenue_minor_check check (annual_revenue_minor is null or currency is not null)
);
comment on table crm.companies is E'@typeid company\nA business.';
comment on column crm.companies.legal_name is 'Name in the register, where it differs.';
comment on column crm.companies.domain is 'Domain of its website and mail, lower case; unique among living companies.';
comment on column crm.companies.website is 'Address of its website.';
comment on column crm.companies.linkedin_url is 'Its page on LinkedIn.';
comment on column crm.companies.phone_e164 is 'Switchboard, in international form.';
comment on column crm.companies.industry is 'Field of business in words.';
comment on column crm.companies.sic_code is 'Standard Industrial Classification.';
comment on column crm.companies.sic_description is 'What the SIC code says.';
comment on column crm.companies.naf_code is 'French classification of activities, such as 62.01Z.';
comment on column crm.companies.siren is 'Nine-digit number in the French register.';
comment on column crm.companies.annual_revenue_minor is 'Revenue of a year in the minor unit of its currency.';
comment on column crm.companies.currency is 'ISO 4217 code of the revenue.';
comment on column crm.companies.attributes is 'Anything else the tenant keeps about it, a JSON object.';
comment on column crm.companies.created_by is 'Actor who made it.';
create unique index if not exists companies_domain_key on crm.companies (tenant_id, domain) where deleted_at is null;
create index if not exists companies_name_idx on crm.companies (tenant_id, name, id);
create index if not exists companies_created_at_idx on crm.companies (tenant_id, created_at);
create index if not exists companies_siren_idx on crm.companies (tenant_id, siren) where siren is not null;
create index if not exists companies_attributes_idx on crm.companies using gin (attributes jsonb_path_ops);
select ddl.foreign_key('crm.companies', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('crm.companies',
  p_insert => '{name,legal_name,domain,website,linkedin_url,phone_e164,industry,sic_code,sic_description,naf_code,siren,employee_count,annual_revenue_minor,currency,address_line1,address_line2,city,state,county,postal_code,country,attributes,source_type}',
  p_update => '{name,legal_name,domain,website,linkedin_url,phone_e164,industry,sic_code,sic_description,naf_code,siren,employee_count,annual_revenue_minor,currency,address_line1,address_line2,city,state,county,postal_code,country,attributes}');
select ddl.masked('crm.companies', '{"phone_e164": "phone", "attributes": "json"}');
