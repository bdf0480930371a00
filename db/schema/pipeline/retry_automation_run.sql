create or replace function pipeline.retry_automation_run(automation_run_id uuid) returns pipeline.automation_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_run pipeline.automation_runs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_run from pipeline.automation_runs r where r.tenant_id = app.tenant_id() and r.id = retry_automation_run.automation_run_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no run %s of an automation.', automation_run_id), 'automationRunId');
  end if;
  if v_run.status not in ('failed', 'refused') then
    perform app.raise('INVALID_STATE', format('Run %s is %s. Only one that failed or was refused can be retried.', automation_run_id, v_run.status), 'automationRunId');
  end if;
  if not exists (select from pipeline.automations a where a.tenant_id = v_run.tenant_id and a.id = v_run.automation_id and a.is_enabled and a.deleted_at is null) then
    perform app.raise('INVALID_STATE', 'Its automation is switched off or deleted. Switch it on first.', 'automationRunId');
  end if;
  update pipeline.automation_runs r
  set status = 'queued', reason = null, error_code = null, error_message = null, results = '[]', finished_at = null, started_at = null
  where r.tenant_id = v_run.tenant_id and r.id = v_run.id returning * into v_run;
  return v_run;
end
$$;
comment on function pipeline.retry_automation_run(uuid) is 'Does what a firing was to do that failed or was refused, after its cause was mended. A person asks for it, so no limit refuses it.';
grant execute on function pipeline.retry_automation_run(uuid) to rowhouse_manager;
