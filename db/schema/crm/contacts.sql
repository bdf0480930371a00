-- A person. How to reach them is in channel_identifiers; the primary ones stand here, too, to be found by.
create table if not exists crm.contacts (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  honorific text, first_name text, middle_name text, last_name text, name_suffix text, nickname text,
  display_name text constraint contacts_display_name_check check (length(display_name) <= 500),
  full_name text generated always as (nullif(btrim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '')) stored,
  title text constraint contacts_title_check check (length(title) <= 200),
  status crm.contact_status not null default 'active',
  primary_email text constraint contacts_primary_email_check check (primary_email = lower(primary_email) and length(primary_email) <= 320),
  primary_phone_e164 text constraint contacts_primary_phone_e164_check check (primary_phone_e164 ~ '^\+[1-9][0-9]{1,14}$'),
  linkedin_url text constraint contacts_linkedin_url_check check (length(linkedin_url) <= 2000),
  twitter_url text constraint contacts_twitter_url_check check (length(twitter_url) <= 2000),
  date_of_birth date,
  locale text constraint contacts_locale_check check (locale ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
  time_zone text constraint contacts_time_zone_check check (length(time_zone) <= 100),
  attributes jsonb not null default '{}' constraint contacts_attributes_check check (jsonb_typeof(attributes) = 'object'),
  source_type crm.source_type not null default 'manual',
  artifact_id uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint contacts_pkey primary key (tenant_id, id),
  constraint contacts_first_name_check check (length(first_name) <= 200 and length(last_name) <= 200 and length(middle_name) <= 200)
);
comment on table crm.contacts is E'@typeid contact\nA person.';
comment on column crm.contacts.display_name is 'Name to show, where it is not first and last name.';
comment on column crm.contacts.full_name is 'First and last name.';
comment on column crm.contacts.title is 'What the person calls themselves, such as their profession.';
comment on column crm.contacts.primary_email is 'The primary e-mail identifier; kept in step with the channel identifiers.';
comment on column crm.contacts.primary_phone_e164 is 'The primary phone identifier; kept in step with the channel identifiers.';
comment on column crm.contacts.linkedin_url is 'Their page on LinkedIn.';
comment on column crm.contacts.twitter_url is 'Their page on Twitter.';
comment on column crm.contacts.date_of_birth is 'Day of birth.';
comment on column crm.contacts.locale is 'Language tag to write to them in, such as fr-CA.';
comment on column crm.contacts.time_zone is 'IANA time zone they live in.';
comment on column crm.contacts.attributes is 'Anything else the tenant keeps about them, a JSON object.';
comment on column crm.contacts.artifact_id is 'Artifact that brought the contact, such as the result of a skip trace.';
comment on column crm.contacts.created_by is 'Actor who made the contact.';
create index if not exists contacts_primary_email_idx on crm.contacts (tenant_id, primary_email) where primary_email is not null;
create index if not exists contacts_primary_phone_e164_idx on crm.contacts (tenant_id, primary_phone_e164) where primary_phone_e164 is not null;
create index if not exists contacts_last_name_idx on crm.contacts (tenant_id, last_name, first_name, id);
create index if not exists contacts_status_idx on crm.contacts (tenant_id, status, id);
create index if not exists contacts_created_at_idx on crm.contacts (tenant_id, created_at);
create index if not exists contacts_attributes_idx on crm.contacts using gin (attributes jsonb_path_ops);
select ddl.foreign_key('crm.contacts', 'artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('crm.contacts', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('crm.contacts',
  p_insert => '{honorific,first_name,middle_name,last_name,name_suffix,nickname,display_name,title,status,linkedin_url,twitter_url,date_of_birth,locale,time_zone,attributes,source_type}',
  p_update => '{honorific,first_name,middle_name,last_name,name_suffix,nickname,display_name,title,status,linkedin_url,twitter_url,date_of_birth,locale,time_zone,attributes}');

create or replace function crm.contacts_age(contact crm.contacts) returns integer
language sql stable set search_path to pg_catalog
return extract(year from age(current_date, contact.date_of_birth))::integer;
comment on function crm.contacts_age(crm.contacts) is 'Years since the day of birth.';
grant execute on function crm.contacts_age(crm.contacts) to rowhouse_viewer;
select ddl.masked('crm.contacts', '{"display_name": "text", "primary_email": "email", "primary_phone_e164": "phone", "attributes": "json"}');
