-- Work: what was queued, what is running, what became of it.
create schema if not exists pipeline;
comment on schema pipeline is 'Work: the history of jobs.';
grant usage on schema pipeline to rowhouse_viewer, rowhouse_system;

--!include pipeline/types.sql
--!include pipeline/jobs.sql
--!include pipeline/enqueue_jobs.sql
--!include pipeline/retry_job.sql
--!include pipeline/cancel_job.sql
