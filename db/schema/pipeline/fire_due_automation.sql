-- The worker reads the schedule; here the time is taken, once, by whoever holds the row.
create or replace function pipeline.fire_due_automation(p_automation_id uuid, p_due_at timestamptz, p_next_run_at timestamptz, p_was_missed boolean) returns boolean
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_automation pipeline.automations;
  v_cause pipeline.automation_runs;
  v_is_queued boolean := false;
begin
  select * into v_automation from pipeline.automations a where a.tenant_id = app.tenant_id() and a.id = p_automation_id;
  v_cause := jsonb_populate_record(null::pipeline.automation_runs, jsonb_build_object('due_at', p_due_at, 'depth', 0, 'correlation_id', uuidv7()));
  update pipeline.automations a set next_run_at = p_next_run_at where a.tenant_id = v_automation.tenant_id and a.id = v_automation.id;
  if p_due_at is not null and p_was_missed and v_automation.missed_times = 'skip' then
    insert into pipeline.automation_runs (tenant_id, automation_id, status, reason, due_at, finished_at)
    values (v_automation.tenant_id, v_automation.id, 'skipped', 'No worker ran at this time, and missed times are skipped.', p_due_at, now()) on conflict do nothing;
  elsif p_due_at is not null then
    v_is_queued := pipeline.fire_automation(v_automation, v_cause, jsonb_build_object('schedule', pipeline.schedule_facts(p_due_at, p_was_missed))) is not distinct from 'queued';
  end if;
  if p_next_run_at is null then
    perform pipeline.switch_off_automation(v_automation.id, 'never_due');
  end if;
  return v_is_queued;
end
$$;
comment on function pipeline.fire_due_automation(uuid, timestamptz, timestamptz, boolean) is
  E'@behavior -*\nFires a scheduled automation for a time that has come, if any, and notes the next one; without a next one it is switched off. Returns whether it is queued.';
grant execute on function pipeline.fire_due_automation(uuid, timestamptz, timestamptz, boolean) to rowhouse_system;
