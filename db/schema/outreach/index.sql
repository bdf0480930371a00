-- Messages to people: templates, segments, campaigns, sequences, workflows.
create schema if not exists outreach;
comment on schema outreach is 'Messages to people: templates, segments, campaigns, sequences, workflows.';
grant usage on schema outreach to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include outreach/messaging.sql
--!include outreach/automation.sql
