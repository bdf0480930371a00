-- Conversations with people, and who answers them.
create schema if not exists inbox;
comment on schema inbox is 'Conversations with people, and who answers them.';
grant usage on schema inbox to rowhouse_viewer, rowhouse_system, rowhouse_definer;

