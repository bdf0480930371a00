-- The feed of changes, and who is told of them.
create schema if not exists events;
comment on schema events is 'The feed of changes, and who is told of them.';
grant usage on schema events to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include events/types.sql
--!include events/events.sql
--!include events/webhook_subscriptions.sql
--!include events/webhook_subscription_secrets.sql
--!include events/webhook_deliveries.sql
