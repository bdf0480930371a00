-- The feed of changes, and who is told of them.
create schema if not exists events;
comment on schema events is 'The feed of changes, and who is told of them.';
grant usage on schema events to rowhouse_viewer, rowhouse_system, rowhouse_definer;

