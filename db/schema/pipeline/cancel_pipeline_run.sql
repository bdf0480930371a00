create or replace function pipeline.cancel_pipeline_run(pipeline_run_id uuid) returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_run pipeline.pipeline_runs;
  v_job pipeline.jobs;
begin
  perform app.require_scope('pipeline:write');
  -- The run first, then its job: the order in which the worker takes them.
  select * into v_run from pipeline.pipeline_runs r where r.tenant_id = app.tenant_id() and r.id = cancel_pipeline_run.pipeline_run_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no run %s.', pipeline_run_id), 'pipelineRunId');
  end if;
  if v_run.status not in ('queued', 'running') then
    perform app.raise('INVALID_STATE', format('Run %s is %s already and cannot be cancelled.', pipeline_run_id, v_run.status), 'pipelineRunId');
  end if;
  select * into v_job from pipeline.jobs j
  where j.tenant_id = v_run.tenant_id and j.subject_id = v_run.id and j.subject_type = 'pipeline_runs'
  order by j.id desc limit 1 for update;
  if v_job.status in ('queued', 'running', 'retrying') then
    select * into v_job from pipeline.cancel_job(v_job.id);
  end if;
  -- What runs stops at its next checkpoint, and the worker says so here.
  if v_job.status is distinct from 'running' then
    update pipeline.block_executions b set status = 'skipped'
    where b.tenant_id = v_run.tenant_id and b.pipeline_run_id = v_run.id and b.status in ('pending', 'running');
    update pipeline.pipeline_runs r set status = 'cancelled' where r.tenant_id = v_run.tenant_id and r.id = v_run.id returning * into v_run;
  end if;
  return v_run;
end
$$;
comment on function pipeline.cancel_pipeline_run(uuid) is 'Cancels a run: at once when it waits, within seconds when it runs. What its blocks brought so far stays.';
grant execute on function pipeline.cancel_pipeline_run(uuid) to rowhouse_member;
