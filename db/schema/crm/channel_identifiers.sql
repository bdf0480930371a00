-- Every way to reach a contact: all their e-mail addresses, phone numbers, accounts.
create table if not exists crm.channel_identifiers (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  channel crm.channel not null,
  identifier text not null,
  label text constraint channel_identifiers_label_check check (length(label) <= 100),
  is_primary boolean not null default false,
  is_verified boolean not null default false,
  source text constraint channel_identifiers_source_check check (length(source) <= 200),
  verified_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint channel_identifiers_pkey primary key (tenant_id, id),
  constraint channel_identifiers_identifier_check check (length(identifier) between 1 and 500 and case
    when channel = 'email' then identifier = lower(identifier) and identifier ~ '^[^\s@]+@[^\s@]+$'
    when channel in ('sms', 'phone', 'whatsapp', 'voice') then identifier ~ '^\+[1-9][0-9]{1,14}$'
    else btrim(identifier) <> '' end)
);
comment on table crm.channel_identifiers is E'@typeid chan\nA way to reach a contact: an e-mail address (lower case), a phone number (E.164), an account.';
comment on column crm.channel_identifiers.identifier is 'The address, number or account name.';
comment on column crm.channel_identifiers.is_primary is 'The one to use first; a contact has one primary identifier per channel at most.';
comment on column crm.channel_identifiers.is_verified is 'Whether it is known to reach the contact.';
comment on column crm.channel_identifiers.source is 'Where it is known from.';
create unique index if not exists channel_identifiers_is_primary_key
  on crm.channel_identifiers (tenant_id, contact_id, channel) where is_primary and deleted_at is null;
create unique index if not exists channel_identifiers_contact_id_channel_identifier_key
  on crm.channel_identifiers (tenant_id, contact_id, channel, identifier) where deleted_at is null;
create index if not exists channel_identifiers_contact_id_idx on crm.channel_identifiers (tenant_id, contact_id, id);
create index if not exists channel_identifiers_identifier_idx on crm.channel_identifiers (tenant_id, identifier);
select ddl.foreign_key('crm.channel_identifiers', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
comment on constraint channel_identifiers_contact_id_fkey on crm.channel_identifiers is '@nestedCreate';
select ddl.tenant_table('crm.channel_identifiers', p_insert => '{contact_id,channel,identifier,label,is_primary,source}',
  p_update => '{identifier,label,is_primary,source}');
select ddl.masked('crm.channel_identifiers', '{"identifier": "case when t.channel in (''linkedin'', ''postal'') then app.mask_text(t.identifier) else app.mask_contact(t.identifier) end", "label": "text", "source": "text"}');
