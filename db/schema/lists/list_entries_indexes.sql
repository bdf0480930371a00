-- Which questions about entries are quick. Each index costs every import: a new one needs a figure.
create index if not exists list_entries_list_id_idx on lists.list_entries (tenant_id, list_id, id);
create index if not exists list_entries_list_import_id_idx on lists.list_entries (tenant_id, list_import_id, line_number);
create index if not exists list_entries_email_idx on lists.list_entries (tenant_id, email) where email is not null;
create index if not exists list_entries_phone_e164_idx on lists.list_entries (tenant_id, phone_e164) where phone_e164 is not null;
create index if not exists list_entries_enrichment_status_idx on lists.list_entries (tenant_id, list_id, enrichment_status, id);
create index if not exists list_entries_last_name_idx on lists.list_entries (tenant_id, last_name, first_name) where last_name is not null;
create index if not exists list_entries_tag_idx on lists.list_entries (tenant_id, tag) where tag is not null;
create index if not exists list_entries_contact_id_idx on lists.list_entries (tenant_id, contact_id) where contact_id is not null;
create index if not exists list_entries_lead_id_idx on lists.list_entries (tenant_id, lead_id) where lead_id is not null;
-- Their indexes leave out only the entries without one, and so serve the way back.
comment on constraint list_entries_contact_id_fkey on lists.list_entries is '@isIndexed';
comment on constraint list_entries_lead_id_fkey on lists.list_entries is '@isIndexed';

-- A partial index over the values that exist serves equality and ranges; say so to the API, which otherwise
-- counts only whole indexes.
comment on index lists.list_entries_email_idx is 'Serves look-ups and duplicate detection by e-mail.';
comment on index lists.list_entries_phone_e164_idx is 'Serves look-ups and duplicate detection by phone.';
