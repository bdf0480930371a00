create or replace function lists.requeue_enrichment_batch() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update lists.enrichment_queue_jobs
  set status = 'queued', error_message = null, finished_at = null,
    progress_log = progress_log || jsonb_build_array(jsonb_build_object('at', now(), 'event', 'requeued'))
  where tenant_id = new.tenant_id and id = new.subject_id and status in ('failed', 'cancelled');
  return null;
end
$$;
comment on function lists.requeue_enrichment_batch() is 'Puts a batch back into the queue when its dead or cancelled job is retried.';
select ddl.trigger('pipeline.jobs', '_300_requeue_enrichment_batch',
  $$after update for each row when (new.task = 'enrich_batch' and new.status = 'queued' and old.status in ('dead', 'cancelled'))
  execute function lists.requeue_enrichment_batch()$$);
