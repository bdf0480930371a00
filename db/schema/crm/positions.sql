-- A contact's job at a company. The work address belongs to the job: it ends with it.
create table if not exists crm.positions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  company_id uuid not null,
  title text constraint positions_title_check check (length(title) <= 200),
  department text constraint positions_department_check check (length(department) <= 200),
  seniority text constraint positions_seniority_check check (length(seniority) <= 100),
  email text constraint positions_email_check check (email = lower(email) and length(email) <= 320 and email like '%_@_%'),
  phone_e164 text constraint positions_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  is_primary boolean not null default false,
  started_on date,
  ended_on date,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint positions_pkey primary key (tenant_id, id),
  constraint positions_ended_on_check check (ended_on >= started_on),
  constraint positions_is_primary_check check (not is_primary or ended_on is null)
);
comment on table crm.positions is E'@typeid position\nA contact''s job at a company, with the work address.';
comment on column crm.positions.title is 'Job title.';
comment on column crm.positions.department is 'Department within the company.';
comment on column crm.positions.seniority is 'Level, such as director.';
comment on column crm.positions.email is 'Work e-mail address, lower case.';
comment on column crm.positions.phone_e164 is 'Work phone number in international form.';
comment on column crm.positions.is_primary is 'The job to show first; a contact has one such job at most.';
comment on column crm.positions.started_on is 'First day of the job.';
comment on column crm.positions.ended_on is 'Last day of the job.';
create unique index if not exists positions_is_primary_key on crm.positions (tenant_id, contact_id) where is_primary and deleted_at is null;
create index if not exists positions_contact_id_idx on crm.positions (tenant_id, contact_id, id);
create index if not exists positions_company_id_idx on crm.positions (tenant_id, company_id, id);
create index if not exists positions_email_idx on crm.positions (tenant_id, email) where email is not null;
select ddl.foreign_key('crm.positions', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('crm.positions', 'company_id', 'crm.companies', 'cascade', p_index => false);
comment on constraint positions_contact_id_fkey on crm.positions is E'@nestedCreate\n@behavior +manyToMany\n@manyToManyFieldName contacts';
comment on constraint positions_company_id_fkey on crm.positions is E'@nestedCreate\n@behavior +manyToMany\n@manyToManyFieldName companies';
select ddl.tenant_table('crm.positions', p_insert => '{contact_id,company_id,title,department,seniority,email,phone_e164,is_primary,started_on,ended_on}',
  p_update => '{title,department,seniority,email,phone_e164,is_primary,started_on,ended_on}');

create or replace function crm.contacts_primary_position(contact crm.contacts) returns crm.positions
language sql stable set search_path to pg_catalog
begin atomic
  select p from crm.positions p
  where p.tenant_id = contact.tenant_id and p.contact_id = contact.id and p.is_primary and p.deleted_at is null;
end;
comment on function crm.contacts_primary_position(crm.contacts) is 'The job to show first.';
grant execute on function crm.contacts_primary_position(crm.contacts) to rowhouse_viewer;
select ddl.masked('crm.positions', '{"email": "email", "phone_e164": "phone"}');
