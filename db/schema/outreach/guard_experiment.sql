-- What an experiment needs to begin and to end, and what of it stays when it has begun.
create or replace function outreach.guard_experiment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
  v_silent text;
  v_winners integer;
begin
  select count(*) filter (where v.weight > 0), min(v.name) filter (where v.template_id is null and v.prompt_id is null), count(*) filter (where v.is_winner)
  into v_count, v_silent, v_winners
  from outreach.step_experiment_variants v where v.tenant_id = new.tenant_id and v.step_experiment_id = new.id and v.deleted_at is null;
  if new.status = 'running' and v_count < 2 then
    perform app.raise('INVALID_STATE', format('Experiment "%s" has %s of at least two variants with a weight. Add what there is to compare.', new.name, v_count), 'status');
  end if;
  if new.status = 'running' and v_silent is not null then
    perform app.raise('INVALID_STATE', format('Variant "%s" of experiment "%s" has neither template nor prompt. Give it one.', v_silent, new.name), 'status');
  end if;
  if new.status = 'decided' and v_winners = 0 then
    perform app.raise('INVALID_STATE', format('Experiment "%s" has no winner. Say which by chooseExperimentWinner.', new.name), 'status');
  end if;
  return new;
end
$$;
comment on function outreach.guard_experiment() is 'Sees that an experiment has what to compare when it begins, and a winner when it is decided.';
select ddl.trigger('outreach.step_experiments', '_200_variants',
  'before update of status for each row when (old.status is distinct from new.status) execute function outreach.guard_experiment()');

create or replace function outreach.guard_experiment_variant() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select t.name as template, t.channel, s.type into v_found
  from new_rows n
  join outreach.templates t on t.tenant_id = n.tenant_id and t.id = n.template_id
  join outreach.step_experiments e on e.tenant_id = n.tenant_id and e.id = n.step_experiment_id
  join outreach.sequence_steps s on s.tenant_id = e.tenant_id and s.id = e.sequence_step_id
  where not outreach.fits_step(s.type, t.channel) limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and the step is of type %s.', v_found.template, v_found.channel, v_found.type), 'templateId');
  end if;
  if tg_op = 'INSERT' then
    select e.name, e.status into v_found
    from new_rows n join outreach.step_experiments e on e.tenant_id = n.tenant_id and e.id = n.step_experiment_id where e.status <> 'draft' limit 1;
  else
    select e.name, e.status into v_found
    from new_rows n join old_rows o on o.tenant_id = n.tenant_id and o.id = n.id
    join outreach.step_experiments e on e.tenant_id = n.tenant_id and e.id = n.step_experiment_id
    where e.status <> 'draft' and (n.template_id, n.prompt_id, n.deleted_at) is distinct from (o.template_id, o.prompt_id, o.deleted_at) limit 1;
  end if;
  if found then
    perform app.raise('INVALID_STATE', format('Experiment "%s" is %s: its variants stay what they are. Compare something else by another experiment.', v_found.name, v_found.status));
  end if;
  return null;
end
$$;
comment on function outreach.guard_experiment_variant() is 'Sees that variants go by the channel of the step, and stay what they are once their experiment began; weights may change.';
select ddl.trigger('outreach.step_experiment_variants', '_200_variant_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_experiment_variant()');
select ddl.trigger('outreach.step_experiment_variants', '_200_variant_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function outreach.guard_experiment_variant()');
