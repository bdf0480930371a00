create or replace function pipeline.retry_job(job_id uuid) returns pipeline.jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_job pipeline.jobs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_job from pipeline.jobs where tenant_id = app.tenant_id() and id = job_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no job %s.', job_id), 'jobId');
  end if;
  if v_job.status not in ('dead', 'cancelled') then
    perform app.raise('INVALID_STATE',
      format('Job %s is %s. Only a job that is dead or cancelled can be retried.', job_id, v_job.status), 'jobId');
  end if;
  update pipeline.jobs
  set status = 'queued', attempt_count = 0, progress = 0, error_code = null, error_message = null, worker_id = null,
    queued_by = coalesce(app.actor_id(), queued_by), queued_at = now(), started_at = null, finished_at = null, cancel_requested_at = null
  where tenant_id = v_job.tenant_id and id = v_job.id
  returning * into v_job;
  perform private.add_worker_jobs(v_job.task,
    array[json_build_object('tenantId', v_job.tenant_id, 'jobId', v_job.id, 'subjectId', v_job.subject_id)]);
  return v_job;
end
$$;
comment on function pipeline.retry_job(uuid) is 'Queues a dead or cancelled job again, after its cause was mended.';
grant execute on function pipeline.retry_job(uuid) to rowhouse_member;
