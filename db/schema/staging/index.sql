-- Uploaded rows on their way into a list: one table per import, made and dropped by functions of schema lists.
create schema if not exists staging;
comment on schema staging is 'Uploaded rows before they are merged; one short-lived table per import, never exposed.';
revoke all on schema staging from public;
grant usage on schema staging to rowhouse_system;
