-- Lists: what comes in, what is learnt about it, what goes out.
create schema if not exists lists;
comment on schema lists is 'Lists of contact data: imports, entries, enrichment, exports.';
grant usage on schema lists to rowhouse_viewer, rowhouse_system, rowhouse_definer;

--!include lists/types.sql
--!include lists/lists.sql
--!include lists/list_imports.sql
--!include lists/list_imports_upload_path.sql
--!include lists/list_entries.sql
--!include lists/list_entries_indexes.sql
--!include lists/list_import_rows.sql
--!include lists/import_staging.sql
--!include lists/start_import.sql
--!include lists/cancel_import.sql
--!include lists/undo_import.sql
--!include lists/decide_import_rows.sql
--!include lists/find_import_duplicates.sql
--!include lists/insert_import_rows.sql
--!include lists/find_import_changes.sql
--!include lists/apply_import_duplicates.sql
--!include lists/note_import_columns.sql
--!include lists/merge_import.sql
--!include lists/revert_import.sql
--!include lists/abandoned_imports.sql
--!include lists/enrichment_plans.sql
--!include lists/enrichment_plan_steps.sql
--!include lists/enrichment_queue_jobs.sql
--!include lists/enrichment_results.sql
--!include lists/run_enrichment_plan.sql
--!include lists/cancel_enrichment_run.sql
--!include lists/auto_run_enrichment.sql
--!include lists/requeue_enrichment_batch.sql
--!include lists/enrichment_progress.sql
--!include lists/export_jobs.sql
--!include lists/export_files.sql
--!include lists/expired_export_files.sql
--!include lists/resolve_export_columns.sql
--!include lists/start_export.sql
--!include lists/cancel_export.sql
