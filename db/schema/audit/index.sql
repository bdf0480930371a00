-- Who changed what, and when.
create schema if not exists audit;
comment on schema audit is 'Who changed what, and when.';
grant usage on schema audit to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include audit/types.sql
--!include audit/audit_logs.sql
--!include audit/record_change.sql
--!include audit/audited_tables.sql
