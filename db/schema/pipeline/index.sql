-- Work: what was queued, what is running, what became of it.
create schema if not exists pipeline;
comment on schema pipeline is 'Work: jobs, and pipelines with their runs, artifacts and triggers.';
grant usage on schema pipeline to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include pipeline/types.sql
--!include pipeline/jobs.sql
--!include pipeline/enqueue_jobs.sql
--!include pipeline/retry_job.sql
--!include pipeline/cancel_job.sql
--!include pipeline/blueprints.sql
--!include pipeline/blueprint_versions.sql
--!include pipeline/blueprints_published_version.sql
--!include pipeline/publish_blueprint.sql
--!include pipeline/webhook_sources.sql
--!include pipeline/webhook_source_secrets.sql
--!include pipeline/automations.sql
--!include pipeline/webhook_events.sql
--!include pipeline/webhook_verdicts.sql
--!include pipeline/find_webhook_source.sql
--!include pipeline/change_webhook_source.sql
--!include pipeline/reprocess_webhook_event.sql
--!include pipeline/stamp_progress.sql
--!include pipeline/pipeline_runs.sql
--!include pipeline/block_executions.sql
--!include pipeline/artifacts.sql
--!include pipeline/artifact_parents.sql
--!include pipeline/pipeline_runs_artifacts.sql
--!include pipeline/block_executions_artifacts.sql
--!include pipeline/blueprints_runs.sql
--!include pipeline/create_pipeline_run.sql
--!include pipeline/start_pipeline_run.sql
--!include pipeline/cancel_pipeline_run.sql
--!include pipeline/webhook_event_outcomes.sql
--!include pipeline/process_webhook_event.sql
