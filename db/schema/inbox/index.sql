-- Conversations with people, and who answers them.
create schema if not exists inbox;
comment on schema inbox is 'Conversations with people, and who answers them.';
grant usage on schema inbox to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include inbox/types.sql
--!include inbox/inbox_sla_policies.sql
--!include inbox/inbox_threads.sql
--!include inbox/inbox_messages.sql
--!include inbox/stamp_author.sql
--!include inbox/inbox_messages_message.sql
--!include inbox/inbox_messages_search.sql
--!include inbox/count_thread_messages.sql
--!include inbox/inbox_assignments.sql
--!include inbox/inbox_sla_clocks.sql
--!include inbox/inbox_canned_responses.sql
--!include inbox/inbox_thread_totals.sql
--!include inbox/inbox_load.sql
--!include inbox/assign_thread.sql
--!include inbox/guard_thread_owner.sql
