-- The verbs that the other files speak; one function a file.
create schema if not exists ddl;
comment on schema ddl is 'Verbs for table files: each applies one pattern, and can be run again.';
revoke all on schema ddl from public;
alter default privileges revoke execute on functions from public;

--!include ddl/schemas.sql
--!include ddl/enum.sql
--!include ddl/constraint.sql
--!include ddl/policy.sql
--!include ddl/trigger.sql
--!include ddl/scope.sql
--!include ddl/tenant_table.sql
--!include ddl/append_only.sql
--!include ddl/state_machine.sql
--!include ddl/partition_by_month.sql
--!include ddl/private_table.sql
--!include ddl/foreign_key.sql
--!include ddl/each.sql
--!include ddl/recount.sql
--!include ddl/counter.sql
--!include ddl/roll_up.sql
--!include ddl/enqueue.sql
--!include ddl/notify_progress.sql
--!include ddl/searchable.sql
--!include ddl/audit.sql
--!include ddl/feed.sql
--!include ddl/masked.sql
--!include ddl/masked_table.sql
--!include ddl/masked_search.sql
--!include ddl/masked_functions.sql
