-- People and businesses: companies, contacts, positions, leads, and what is known of them.
create schema if not exists crm;
comment on schema crm is 'People and businesses: companies, contacts, positions, leads, and what is known of them.';
grant usage on schema crm to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include crm/types.sql
--!include crm/sectors.sql
--!include crm/companies.sql
--!include crm/contacts.sql
--!include crm/positions.sql
--!include crm/contact_addresses.sql
--!include crm/channel_identifiers.sql
--!include crm/keep_primary_identifiers.sql
--!include crm/contact_attributes.sql
--!include crm/contact_consents.sql
--!include crm/contact_timeline_events.sql
--!include crm/contact_tags.sql
--!include crm/contact_tag_mapping.sql
--!include crm/leads.sql
--!include crm/lead_contacts.sql
--!include crm/lead_labels.sql
--!include crm/lead_label_mapping.sql
--!include crm/search.sql
--!include crm/merges.sql
--!include crm/guard_merged.sql
--!include crm/merge_references.sql
--!include crm/alter_rows.sql
--!include crm/move_references.sql
--!include crm/survivors.sql
--!include crm/lock_for_merge.sql
--!include crm/yield_primary_identifiers.sql
--!include crm/merge_records.sql
--!include crm/merge_contacts.sql
--!include crm/merge_companies.sql
--!include crm/undo_merge.sql
--!include crm/add_contact_tag.sql
--!include crm/remove_contact_tag.sql
--!include crm/unmasked.sql
--!include crm/unmask_contact.sql
--!include crm/unmask_lead.sql
