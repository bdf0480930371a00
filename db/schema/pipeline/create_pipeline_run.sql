create or replace function pipeline.create_pipeline_run(
  p_blueprint_id uuid,
  p_input jsonb default '[]',
  p_trigger_type text default 'automation',
  p_automation_id uuid default null,
  p_webhook_event_id uuid default null,
  p_correlation_id uuid default null,
  p_trigger_context jsonb default '{}'
) returns pipeline.pipeline_runs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_blueprint pipeline.blueprints;
  v_records jsonb := case jsonb_typeof(p_input) when 'object' then jsonb_build_array(p_input) else coalesce(p_input, '[]') end;
  v_correlation_id uuid := coalesce(p_correlation_id, nullif(current_setting('rowhouse.correlation_id', true), '')::uuid, uuidv7());
  -- How many automations stand behind it: what the run changes is told with it, so that loops end.
  v_depth integer := coalesce(nullif(current_setting('rowhouse.depth', true), '')::integer, 0);
  v_artifact_id uuid;
  v_run pipeline.pipeline_runs;
begin
  select * into v_blueprint from pipeline.blueprints b
  where b.tenant_id = app.tenant_id() and b.id = p_blueprint_id and b.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no blueprint %s.', p_blueprint_id), 'blueprintId');
  end if;
  if v_blueprint.published_version_id is null then
    perform app.raise('INVALID_STATE', format('Blueprint "%s" has no published version. Publish one first.', v_blueprint.name), 'blueprintId');
  end if;
  if not v_blueprint.is_active then
    perform app.raise('INVALID_STATE', format('Blueprint "%s" is switched off. Switch it on by isActive first.', v_blueprint.name), 'blueprintId');
  end if;
  if jsonb_typeof(v_records) <> 'array' or jsonb_path_exists(v_records, 'strict $[*] ? (@.type() <> "object")') then
    perform app.raise('VALIDATION_FAILED', 'The input of a run is an array of objects, such as [{"email": "ann@example.com"}].', 'input');
  end if;
  if octet_length(v_records::text) >= 102400 then
    perform app.raise('LIMIT_EXCEEDED', 'The input of a run has less than 100 KB of JSON text. Start several runs.', 'input');
  end if;
  insert into pipeline.artifacts (tenant_id, correlation_id, artifact_type, inline_data)
  values (v_blueprint.tenant_id, v_correlation_id, 'pipeline_input', v_records)
  returning id into v_artifact_id;
  insert into pipeline.pipeline_runs (tenant_id, blueprint_version_id, pipeline_name, correlation_id, automation_id, webhook_event_id, trigger_type,
    trigger_context, input_artifact_id)
  values (v_blueprint.tenant_id, v_blueprint.published_version_id, v_blueprint.name, v_correlation_id, p_automation_id, p_webhook_event_id,
    p_trigger_type, case when v_depth > 0 then jsonb_build_object('depth', v_depth) else '{}' end || coalesce(p_trigger_context, '{}'), v_artifact_id)
  returning * into v_run;
  return v_run;
end
$$;
comment on function pipeline.create_pipeline_run(uuid, jsonb, text, uuid, uuid, uuid, jsonb) is
  'Queues a run of the published version of a blueprint, on records: for automations and the like. A worker takes it once this is committed.';
grant execute on function pipeline.create_pipeline_run(uuid, jsonb, text, uuid, uuid, uuid, jsonb) to rowhouse_system;
