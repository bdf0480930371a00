-- What became of messages: opens, clicks, daily figures.
create schema if not exists tracking;
comment on schema tracking is 'What became of messages: opens, clicks, daily figures.';
grant usage on schema tracking to rowhouse_viewer, rowhouse_system, rowhouse_definer;

