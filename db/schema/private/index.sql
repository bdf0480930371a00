-- What no request may read: password hashes, worker heartbeats, the seams to the queue.
create schema if not exists private;
comment on schema private is 'Never exposed: credentials, worker heartbeats and the functions that cross the wall by name.';
revoke all on schema private from public;
grant usage on schema private to rowhouse_identity, rowhouse_worker, rowhouse_system;
grant usage, create on schema private to rowhouse_definer, rowhouse_worker;

--!include private/add_worker_jobs.sql
--!include private/worker_heartbeats.sql
--!include private/masked_columns.sql
--!include private/partitioned_tables.sql
--!include private/waiting_months.sql
--!include private/make_partition.sql
--!include private/keep_partitions.sql
--!include private/forget_tenants.sql
--!include private/quota_counts.sql
--!include private/settle_quotas.sql
--!include private/forget_holder.sql
--!include private/trusted_documents.sql
