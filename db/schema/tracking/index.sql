-- What became of messages: opens, clicks, daily figures.
create schema if not exists tracking;
comment on schema tracking is 'What became of messages: opens, clicks, daily figures.';
grant usage on schema tracking to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include tracking/tracking_pixels.sql
--!include tracking/tracked_links.sql
--!include tracking/message_open_stats.sql
--!include tracking/analytics_events.sql
--!include tracking/daily_message_summary.sql
