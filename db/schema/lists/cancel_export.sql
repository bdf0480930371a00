create or replace function lists.cancel_export(export_id uuid) returns lists.export_jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_export lists.export_jobs;
  v_job pipeline.jobs;
begin
  perform app.require_scope('exports:write');
  -- The export first, then its job: the order in which the worker takes them.
  select * into v_export from lists.export_jobs e where e.tenant_id = app.tenant_id() and e.id = export_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no export %s.', export_id), 'exportId');
  end if;
  if v_export.status not in ('queued', 'running') then
    perform app.raise('INVALID_STATE', format('Export %s is %s already and cannot be cancelled.', export_id, v_export.status), 'exportId');
  end if;
  select * into v_job from pipeline.jobs j
  where j.tenant_id = v_export.tenant_id and j.subject_id = v_export.id and j.subject_type = 'export_jobs'
  order by j.id desc limit 1 for update;
  if v_job.status in ('queued', 'running', 'retrying') then
    select * into v_job from pipeline.cancel_job(v_job.id);
  end if;
  -- What runs stops at its next checkpoint, and the worker says so here.
  update lists.export_jobs e
  set cancel_requested_at = coalesce(e.cancel_requested_at, now()),
    status = case when v_job.status = 'running' then e.status else 'cancelled' end,
    finished_at = case when v_job.status = 'running' then null else now() end
  where e.tenant_id = v_export.tenant_id and e.id = v_export.id
  returning * into v_export;
  return v_export;
end
$$;
comment on function lists.cancel_export(uuid) is 'Cancels an export: at once when it waits, within seconds when it runs. Its file is removed.';
grant execute on function lists.cancel_export(uuid) to rowhouse_member;
