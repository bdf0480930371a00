-- A sales or property record that is being worked: whom it is about, how far it is.
create table if not exists crm.leads (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sector_id uuid,
  company_id uuid,
  source_type crm.source_type not null default 'manual',
  source_id text constraint leads_source_id_check check (length(source_id) <= 500),
  import_run_id uuid,
  company_name text, contact_name text, first_name text, last_name text,
  phone text constraint leads_phone_check check (length(phone) <= 64),
  phone_e164 text constraint leads_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  mobile_phone_e164 text constraint leads_mobile_phone_e164_check check (mobile_phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  email text constraint leads_email_check check (email = lower(email) and length(email) <= 320),
  phones jsonb not null default '[]' constraint leads_phones_check check (jsonb_typeof(phones) = 'array'),
  emails jsonb not null default '[]' constraint leads_emails_check check (jsonb_typeof(emails) = 'array'),
  address_line1 text, address_line2 text, city text, state text, county text, postal_code text,
  country text constraint leads_country_check check (country ~ '^[A-Z]{2}$'),
  sic_code text constraint leads_sic_code_check check (sic_code ~ '^[0-9]{2,8}$'),
  sic_description text constraint leads_sic_description_check check (length(sic_description) <= 500),
  employee_count integer constraint leads_employee_count_check check (employee_count >= 0),
  annual_revenue_minor bigint,
  website text constraint leads_website_check check (length(website) <= 2000),
  enrichment_status crm.lead_enrichment_status not null default 'pending',
  enrichment_artifact_id uuid,
  status crm.lead_status not null default 'new',
  campaign_status crm.lead_campaign_status,
  attempt_count integer not null default 0 constraint leads_attempt_count_check check (attempt_count >= 0),
  priority_score float8 not null default 0,
  is_decision_maker boolean not null default false,
  property_owner_likelihood crm.owner_likelihood not null default 'unknown',
  flags jsonb not null default '{}' constraint leads_flags_check check (jsonb_typeof(flags) = 'object'),
  raw_data jsonb not null default '{}' constraint leads_raw_data_check check (jsonb_typeof(raw_data) = 'object'),
  assigned_to uuid,
  created_by uuid default app.actor_id(),
  last_enriched_at timestamptz,
  last_attempt_at timestamptz,
  last_response_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint leads_pkey primary key (tenant_id, id)
);
comment on table crm.leads is E'@typeid lead\nA sales or property record that is being worked. It may name a company and stand for several contacts.';
comment on column crm.leads.source_id is 'Id of the record where it came from.';
comment on column crm.leads.import_run_id is 'Run that brought the lead.';
comment on column crm.leads.contact_name is 'Whom to ask for, as it was given.';
comment on column crm.leads.phone is 'Phone number as it was given.';
comment on column crm.leads.phone_e164 is 'Phone number in international form.';
comment on column crm.leads.mobile_phone_e164 is 'Mobile number in international form.';
comment on column crm.leads.email is 'E-mail address, lower case.';
comment on column crm.leads.phones is 'Every number that was found: an array of {number, source}; those of people are identifiers of the contacts.';
comment on column crm.leads.emails is 'Every address that was found: an array of {email, source}.';
comment on column crm.leads.sic_code is 'Standard Industrial Classification.';
comment on column crm.leads.sic_description is 'What the SIC code says.';
comment on column crm.leads.annual_revenue_minor is 'Revenue of a year in the minor unit of the tenant''s currency.';
comment on column crm.leads.website is 'Address of the website.';
comment on column crm.leads.enrichment_artifact_id is 'Artifact of the last enrichment.';
comment on column crm.leads.priority_score is 'Higher is worked first.';
comment on column crm.leads.is_decision_maker is 'Whether the contact decides.';
comment on column crm.leads.flags is 'Marks set by programs, a JSON object.';
comment on column crm.leads.raw_data is 'The record as it came, a JSON object.';
comment on column crm.leads.assigned_to is 'Actor who works on it.';
comment on column crm.leads.created_by is 'Actor who made it.';
create index if not exists leads_sector_id_idx on crm.leads (tenant_id, sector_id, id);
create index if not exists leads_status_idx on crm.leads (tenant_id, status, priority_score, id);
create index if not exists leads_campaign_status_idx on crm.leads (tenant_id, campaign_status, id) where campaign_status is not null;
create index if not exists leads_enrichment_status_idx on crm.leads (tenant_id, enrichment_status, id);
create index if not exists leads_email_idx on crm.leads (tenant_id, email) where email is not null;
create index if not exists leads_phone_e164_idx on crm.leads (tenant_id, phone_e164) where phone_e164 is not null;
create index if not exists leads_source_id_idx on crm.leads (tenant_id, source_type, source_id);
create index if not exists leads_created_at_idx on crm.leads (tenant_id, created_at);
create index if not exists leads_assigned_to_idx on crm.leads (tenant_id, assigned_to, status);
create index if not exists leads_flags_idx on crm.leads using gin (flags jsonb_path_ops);
select ddl.foreign_key('crm.leads', 'sector_id', 'crm.sectors', 'set null', p_index => false);
select ddl.foreign_key('crm.leads', 'company_id', 'crm.companies', 'set null');
select ddl.foreign_key('crm.leads', 'import_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('crm.leads', 'enrichment_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('crm.leads', 'assigned_to', 'iam.actors', 'set null', p_index => false);
select ddl.foreign_key('crm.leads', 'created_by', 'iam.actors', 'set null');
comment on constraint leads_import_run_id_fkey on crm.leads is '@foreignFieldName importedLeads';
comment on constraint leads_enrichment_artifact_id_fkey on crm.leads is '@foreignFieldName enrichedLeads';
select ddl.tenant_table('crm.leads',
  p_insert => '{sector_id,company_id,source_type,source_id,company_name,contact_name,first_name,last_name,phone,phone_e164,mobile_phone_e164,email,phones,emails,address_line1,address_line2,city,state,county,postal_code,country,sic_code,sic_description,employee_count,annual_revenue_minor,website,status,campaign_status,priority_score,is_decision_maker,property_owner_likelihood,flags,raw_data,assigned_to}',
  p_update => '{sector_id,company_id,company_name,contact_name,first_name,last_name,phone,phone_e164,mobile_phone_e164,email,phones,emails,address_line1,address_line2,city,state,county,postal_code,country,sic_code,sic_description,employee_count,annual_revenue_minor,website,status,campaign_status,priority_score,is_decision_maker,property_owner_likelihood,flags,assigned_to}');
select ddl.masked('crm.leads', '{"contact_name": "text", "phone": "phone", "phone_e164": "phone", "mobile_phone_e164": "phone", "email": "email", "phones": "contacts", "emails": "contacts", "raw_data": "json"}');
