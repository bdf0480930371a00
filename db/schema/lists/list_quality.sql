create or replace view lists.list_quality with (security_invoker = true) as
select l.tenant_id, l.id as list_id,
  t.entry_count, t.name_count, t.valid_name_count, t.email_count, t.valid_email_count, t.phone_count, t.valid_phone_count,
  t.address_count, t.valid_address_count, t.reachable_count,
  t.reachable_count::float8 / nullif(t.entry_count, 0) as reachable_share,
  t.promoted_count,   i.duplicate_count, i.rejected_count,
  t.entry_count - t.enriched_count - t.partial_count - t.failed_count as pending_count, t.enriched_count, t.partial_count, t.failed_count
from lists.lists l
cross join lateral (
  select coalesce(sum(entry_count), 0)::bigint as entry_count,
    coalesce(sum(name_count), 0)::bigint as name_count, coalesce(sum(valid_name_count), 0)::bigint as valid_name_count,
    coalesce(sum(email_count), 0)::bigint as email_count, coalesce(sum(valid_email_count), 0)::bigint as valid_email_count,
    coalesce(sum(phone_count), 0)::bigint as phone_count, coalesce(sum(valid_phone_count), 0)::bigint as valid_phone_count,
    coalesce(sum(address_count), 0)::bigint as address_count, coalesce(sum(valid_address_count), 0)::bigint as valid_address_count,
    coalesce(sum(reachable_count), 0)::bigint as reachable_count, coalesce(sum(promoted_count), 0)::bigint as promoted_count,
    coalesce(sum(enriched_count), 0)::bigint as enriched_count,    coalesce(sum(partial_count), 0)::bigint as partial_count, coalesce(sum(failed_count), 0)::bigint as failed_count
  from lists.list_entry_totals t where t.tenant_id = l.tenant_id and t.list_id = l.id
) t
cross join lateral (
  select coalesce(sum(filled_count + overwritten_count + skipped_count), 0)::bigint as duplicate_count,
    coalesce(sum(rejected_count), 0)::bigint as rejected_count
  from lists.list_imports i where i.tenant_id = l.tenant_id and i.list_id = l.id and i.status = 'completed' and not i.is_dry_run
) i
where l.deleted_at is null;
comment on view lists.list_quality is
  E'@behavior -type:node -query:resource:single\n@primaryKey tenant_id,list_id\n@foreignKey (tenant_id, list_id) references lists.lists (tenant_id, id)|@fieldName list|@foreignFieldName quality\nHow good the data of a list is: how many entries have what, and how much of it is valid.';
comment on column lists.list_quality.entry_count is E'@notNull\nLiving entries.';
comment on column lists.list_quality.name_count is E'@notNull\nEntries with a name.';
comment on column lists.list_quality.valid_name_count is E'@notNull\nEntries whose name was found valid.';
comment on column lists.list_quality.email_count is E'@notNull\nEntries with an e-mail address.';
comment on column lists.list_quality.valid_email_count is E'@notNull\nEntries whose e-mail address was found valid.';
comment on column lists.list_quality.phone_count is E'@notNull\nEntries with a phone number.';
comment on column lists.list_quality.valid_phone_count is E'@notNull\nEntries whose phone number was found valid.';
comment on column lists.list_quality.address_count is E'@notNull\nEntries with a postal address, or a part of one.';
comment on column lists.list_quality.valid_address_count is E'@notNull\nEntries whose postal address was found valid.';
comment on column lists.list_quality.reachable_count is E'@notNull\nEntries with a valid phone number or a valid e-mail address.';
comment on column lists.list_quality.reachable_share is 'Share of the entries that can be reached, from 0 to 1; none for an empty list.';
comment on column lists.list_quality.promoted_count is E'@notNull\nEntries that became a contact or a lead.';
comment on column lists.list_quality.duplicate_count is E'@notNull\nRows of imported files that turned out to be duplicates of entries.';
comment on column lists.list_quality.rejected_count is E'@notNull\nRows of imported files that could not be read.';
comment on column lists.list_quality.pending_count is E'@notNull\nEntries that were not enriched yet, or have changed since.';
comment on column lists.list_quality.enriched_count is E'@notNull\nEntries of which every step of enrichment ended well.';
comment on column lists.list_quality.partial_count is E'@notNull\nEntries of which some steps of enrichment failed.';
comment on column lists.list_quality.failed_count is E'@notNull\nEntries of which every step of enrichment failed.';
grant select on lists.list_quality to rowhouse_viewer, rowhouse_system;
