-- People and businesses: companies, contacts, positions, leads, and what is known of them.
create schema if not exists crm;
comment on schema crm is 'People and businesses: companies, contacts, positions, leads, and what is known of them.';
grant usage on schema crm to rowhouse_viewer, rowhouse_system, rowhouse_definer;

