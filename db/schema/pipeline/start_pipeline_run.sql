create or replace function pipeline.start_pipeline_run(blueprint_id uuid, input jsonb default '[]') returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('pipeline:write');
  return pipeline.create_pipeline_run(start_pipeline_run.blueprint_id, start_pipeline_run.input, 'manual');
end
$$;
comment on function pipeline.start_pipeline_run(uuid, jsonb) is
  'Runs the published version of a blueprint on records: an array of objects, less than 100 KB of it. What came of it is the run''s output artifact.';
grant execute on function pipeline.start_pipeline_run(uuid, jsonb) to rowhouse_member;

create or replace function pipeline.replay_pipeline_run(pipeline_run_id uuid) returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_run pipeline.pipeline_runs;
begin
  perform app.require_scope('pipeline:write');
  select * into v_run from pipeline.pipeline_runs r where r.tenant_id = app.tenant_id() and r.id = replay_pipeline_run.pipeline_run_id;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no run %s.', pipeline_run_id), 'pipelineRunId');
  end if;
  if v_run.status not in ('completed', 'failed', 'cancelled') then
    perform app.raise('INVALID_STATE', format('Run %s is %s. Only one that has ended can be replayed.', pipeline_run_id, v_run.status), 'pipelineRunId');
  end if;
  if v_run.blueprint_version_id is null or v_run.input_artifact_id is null then
    perform app.raise('INVALID_STATE', format('Run %s has no version or no input to be replayed with.', pipeline_run_id), 'pipelineRunId');
  end if;
  insert into pipeline.pipeline_runs (tenant_id, blueprint_version_id, pipeline_name, correlation_id, replayed_from_run_id, trigger_type, input_artifact_id)
  values (v_run.tenant_id, v_run.blueprint_version_id, v_run.pipeline_name, v_run.correlation_id, v_run.id, 'replay', v_run.input_artifact_id)
  returning * into v_run;
  return v_run;
end
$$;
comment on function pipeline.replay_pipeline_run(uuid) is 'Does an earlier run once more: the same version of its blueprint on the same input.';
grant execute on function pipeline.replay_pipeline_run(uuid) to rowhouse_member;
