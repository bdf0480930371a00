-- The feed of changes, and who is told of them.
create schema if not exists events;
comment on schema events is 'The feed of changes, and who is told of them.';
grant usage on schema events to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include events/types.sql
--!include events/events.sql
--!include events/feed_months.sql
--!include events/join_feed.sql
--!include events/write_event.sql
--!include events/feed_horizon.sql
--!include events/cursors.sql
--!include events/matches_types.sql
--!include events/feed_page.sql
--!include events/read_feed.sql
--!include events/feed_consumers.sql
--!include events/webhook_subscriptions.sql
--!include events/webhook_subscription_secrets.sql
--!include events/webhook_deliveries.sql
--!include events/event_rows.sql
--!include events/add_webhook_deliveries.sql
--!include events/claim_webhook_deliveries.sql
--!include events/webhook_notices.sql
--!include events/settle_webhook_deliveries.sql
--!include events/forget_webhook_deliveries.sql
--!include events/create_webhook_subscription.sql
--!include events/webhook_replays.sql
--!include events/replay_webhooks.sql
--!include events/fed_tables.sql
