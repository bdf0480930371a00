create or replace function pipeline.cancel_job(job_id uuid) returns pipeline.jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_job pipeline.jobs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_job from pipeline.jobs where tenant_id = app.tenant_id() and id = job_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no job %s.', job_id), 'jobId');
  end if;
  if v_job.status in ('succeeded', 'cancelled', 'dead') then
    perform app.raise('INVALID_STATE', format('Job %s is %s already and cannot be cancelled.', job_id, v_job.status), 'jobId');
  end if;
  -- A queued job ends here (the worker drops it when its turn comes); a running one stops at its next checkpoint.
  update pipeline.jobs
  set cancel_requested_at = coalesce(cancel_requested_at, now()),
    status = case when v_job.status = 'running' then v_job.status else 'cancelled' end,
    finished_at = case when v_job.status = 'running' then null else now() end
  where tenant_id = v_job.tenant_id and id = v_job.id
  returning * into v_job;
  return v_job;
end
$$;
comment on function pipeline.cancel_job(uuid) is 'Cancels a job: at once when it waits, at its next checkpoint when it runs.';
grant execute on function pipeline.cancel_job(uuid) to rowhouse_member;
