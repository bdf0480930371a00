-- The times of a step, of a sequence and of a workflow alike.
create or replace function outreach.stamp_step_execution() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.status = 'running' then
    new.started_at := coalesce(new.started_at, now());
  end if;
  new.completed_at := case when new.status in ('done', 'failed', 'skipped') then coalesce(new.completed_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_step_execution() is 'Keeps the times that follow from the status of a step.';
select ddl.trigger(t, '_300_times', 'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_step_execution()')
from unnest('{outreach.sequence_step_executions,outreach.workflow_run_steps}'::regclass[]) t;
