-- How good the data of a list is, kept as entries come, change and go: no screen counts a million rows.
create table if not exists lists.list_entry_totals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid not null,
  slot smallint not null default 0,
  entry_count bigint not null default 0,
  name_count bigint not null default 0,
  valid_name_count bigint not null default 0,
  email_count bigint not null default 0,
  valid_email_count bigint not null default 0,
  phone_count bigint not null default 0,
  valid_phone_count bigint not null default 0,
  address_count bigint not null default 0,
  valid_address_count bigint not null default 0,
  reachable_count bigint not null default 0,
  promoted_count bigint not null default 0,
  enriched_count bigint not null default 0,
  partial_count bigint not null default 0,
  failed_count bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint list_entry_totals_pkey primary key (tenant_id, id)
) with (fillfactor = 50);
comment on table lists.list_entry_totals is E'@behavior -*\nTotals of the entries of a list, spread over slots; list_quality adds them up.';
comment on column lists.list_entry_totals.slot is 'Writers at the same time add to different slots.';
create unique index if not exists list_entry_totals_list_id_key on lists.list_entry_totals (tenant_id, list_id, slot);
select ddl.foreign_key('lists.list_entry_totals', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.tenant_table('lists.list_entry_totals', p_system => 'select');
select ddl.roll_up('lists.list_entries', 'lists.list_entry_totals', '{"list_id": "r.list_id"}', '{
  "entry_count": "true",
  "name_count": "coalesce(r.full_name, r.last_name, r.first_name) is not null", "valid_name_count": "r.name_status = ''valid''",
  "email_count": "r.email is not null", "valid_email_count": "r.email_status = ''valid''",
  "phone_count": "coalesce(r.phone, r.phone_e164) is not null", "valid_phone_count": "r.phone_status = ''valid''",
  "address_count": "coalesce(r.address_line1, r.city, r.postal_code) is not null", "valid_address_count": "r.address_status = ''valid''",
  "reachable_count": "r.phone_status = ''valid'' or r.email_status = ''valid''",
  "promoted_count": "r.contact_id is not null or r.lead_id is not null",
  "enriched_count": "r.enrichment_status = ''enriched''", "partial_count": "r.enrichment_status = ''partial''",
  "failed_count": "r.enrichment_status = ''failed''"
}', p_parent => 'lists.lists', p_parent_columns => '{entry_count}');
