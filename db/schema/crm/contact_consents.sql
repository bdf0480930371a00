-- Whether a contact allows messages. A change of mind is a new row: what was agreed to, and when, can be proved.
create table if not exists crm.contact_consents (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  channel crm.channel not null,
  purpose crm.consent_purpose not null default 'marketing',
  is_granted boolean not null,
  method crm.consent_method not null default 'api',
  proof jsonb not null default '{}' constraint contact_consents_proof_check check (jsonb_typeof(proof) = 'object'),
  wording text constraint contact_consents_wording_check check (length(wording) <= 5000),
  ip_address inet,
  expires_at timestamptz constraint contact_consents_expires_at_check check (expires_at > decided_at),
  decided_at timestamptz not null default now(),
  recorded_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  constraint contact_consents_pkey primary key (tenant_id, id)
);
comment on table crm.contact_consents is E'@typeid consent\nA contact''s yes or no to messages through a channel for a purpose. The latest one decides; the earlier ones are kept.';
comment on column crm.contact_consents.is_granted is 'Yes or no.';
comment on column crm.contact_consents.proof is 'What shows it, a JSON object: the address of the form, the id of the message.';
comment on column crm.contact_consents.wording is 'What the contact agreed to, word for word.';
comment on column crm.contact_consents.ip_address is 'Address from which it was given.';
comment on column crm.contact_consents.recorded_by is 'Actor who recorded it.';
create index if not exists contact_consents_contact_id_idx on crm.contact_consents (tenant_id, contact_id, channel, purpose, decided_at);
create index if not exists contact_consents_decided_at_idx on crm.contact_consents (tenant_id, decided_at);
select ddl.foreign_key('crm.contact_consents', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint contact_consents_contact_id_fkey on crm.contact_consents is '@nestedCreate';
select ddl.foreign_key('crm.contact_consents', 'recorded_by', 'iam.actors', 'set null');
select ddl.append_only('crm.contact_consents', p_insert => '{contact_id,channel,purpose,is_granted,method,proof,wording,ip_address,expires_at,decided_at}');

create or replace function crm.contacts_current_consents(contact crm.contacts) returns setof crm.contact_consents
language sql stable set search_path to pg_catalog
begin atomic
  select distinct on (c.channel, c.purpose) c.* from crm.contact_consents c
  where c.tenant_id = contact.tenant_id and c.contact_id = contact.id and c.decided_at <= now()
  order by c.channel, c.purpose, c.decided_at desc, c.id desc;
end;
comment on function crm.contacts_current_consents(crm.contacts) is
  'The latest yes or no of the contact for each channel and purpose: what holds now, unless it has expired.';
grant execute on function crm.contacts_current_consents(crm.contacts) to rowhouse_viewer, rowhouse_system;
select ddl.masked('crm.contact_consents', '{"proof": "json", "wording": "text"}');
