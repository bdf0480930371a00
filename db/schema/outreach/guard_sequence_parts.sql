-- Whatever names an enrollment and a step means a step of the enrollment's sequence.
create or replace function outreach.guard_enrollment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select q.name into v_found
  from new_rows n
  join outreach.sequence_steps s on s.tenant_id = n.tenant_id and s.id = n.current_step_id
  join outreach.sequences q on q.tenant_id = n.tenant_id and q.id = n.sequence_id
  where s.sequence_id <> n.sequence_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('The step is not one of sequence "%s".', v_found.name), 'currentStepId');
  end if;
  if tg_op = 'INSERT' then
    select q.name, q.status, q.deleted_at into v_found
    from (select distinct tenant_id, sequence_id from new_rows) n join outreach.sequences q on q.tenant_id = n.tenant_id and q.id = n.sequence_id
    where q.status = 'archived' or q.deleted_at is not null limit 1;
    if found then
      perform app.raise('INVALID_STATE', format('Sequence "%s" is %s and takes nobody.', v_found.name,
        case when v_found.deleted_at is not null then 'deleted' else v_found.status end), 'sequenceId');
    end if;
  end if;
  return null;
end
$$;
comment on function outreach.guard_enrollment() is 'Sees that an enrollment is at a step of its sequence, and that the sequence takes people.';
select ddl.trigger('outreach.sequence_enrollments', '_200_enrollment_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_enrollment()');
select ddl.trigger('outreach.sequence_enrollments', '_200_enrollment_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_enrollment()');

create or replace function outreach.guard_step_of_enrollment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.sequence_enrollment_id into v_found
  from new_rows n
  join outreach.sequence_enrollments e on e.tenant_id = n.tenant_id and e.id = n.sequence_enrollment_id
  join outreach.sequence_steps s on s.tenant_id = n.tenant_id and s.id = n.sequence_step_id
  where s.sequence_id <> e.sequence_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('The step is not one of the sequence of enrollment %s.', v_found.sequence_enrollment_id), 'sequenceStepId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_step_of_enrollment() is 'Sees that an execution or a schedule is of a step of the enrollment''s sequence.';
select ddl.trigger(t, '_200_step_on_' || e, format('after %s referencing new table as new_rows for each statement execute function outreach.guard_step_of_enrollment()', e))
from unnest('{outreach.sequence_step_executions,outreach.sequence_schedules}'::regclass[]) t, unnest('{insert,update}'::text[]) e;
