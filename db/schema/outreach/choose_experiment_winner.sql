create or replace function outreach.choose_experiment_winner(step_experiment_variant_id uuid) returns outreach.step_experiments
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_variant outreach.step_experiment_variants;
  v_experiment outreach.step_experiments;
begin
  perform app.require_scope('outreach:write');
  select * into v_variant from outreach.step_experiment_variants v
  where v.tenant_id = app.tenant_id() and v.id = choose_experiment_winner.step_experiment_variant_id and v.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no variant %s.', choose_experiment_winner.step_experiment_variant_id), 'stepExperimentVariantId');
  end if;
  select * into v_experiment from outreach.step_experiments e
  where e.tenant_id = v_variant.tenant_id and e.id = v_variant.step_experiment_id for update;
  if v_experiment.status not in ('running', 'stopped') then
    perform app.raise('INVALID_STATE', format('Experiment "%s" %s.', v_experiment.name,
      case v_experiment.status when 'draft' then 'has not begun: there is nothing to decide yet' else 'has its winner already' end), 'stepExperimentVariantId');
  end if;
  update outreach.step_experiment_variants v set is_winner = true where v.tenant_id = v_variant.tenant_id and v.id = v_variant.id;
  update outreach.step_experiments e set status = 'decided' where e.tenant_id = v_experiment.tenant_id and e.id = v_experiment.id
  returning * into v_experiment;
  return v_experiment;
end
$$;
comment on function outreach.choose_experiment_winner(uuid) is 'Ends an experiment: the variant has won, and whoever comes to the step from now on gets it.';
grant execute on function outreach.choose_experiment_winner(uuid) to rowhouse_manager;
