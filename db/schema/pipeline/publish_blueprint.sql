create or replace function pipeline.step_types() returns text[]
language sql immutable parallel safe
return array['phone', 'email', 'name', 'address', 'set', 'filter'];
comment on function pipeline.step_types() is E'@behavior -*\nThe types that the steps of a blueprint may have: those that the worker knows.';

create or replace function pipeline.publish_blueprint(blueprint_id uuid) returns pipeline.blueprints
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_blueprint pipeline.blueprints;
  v_version pipeline.blueprint_versions;
  v_step record;
begin
  perform app.require_scope('pipeline:write');
  select * into v_blueprint from pipeline.blueprints b
  where b.tenant_id = app.tenant_id() and b.id = publish_blueprint.blueprint_id and b.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no blueprint %s.', blueprint_id), 'blueprintId');
  end if;
  select * into v_version from pipeline.blueprint_versions v
  where v.tenant_id = v_blueprint.tenant_id and v.blueprint_id = v_blueprint.id and v.status = 'draft' for update;
  if not found then
    perform app.raise('INVALID_STATE', format('Blueprint "%s" has no draft. Make a new version first.', v_blueprint.name), 'blueprintId');
  end if;
  if v_version.steps = '[]' then
    perform app.raise('VALIDATION_FAILED', format('Version %s of blueprint "%s" has no steps.', v_version.version, v_blueprint.name), 'steps');
  end if;
  select s.step ->> 'name' as name, s.step ->> 'type' as type into v_step from jsonb_array_elements(v_version.steps) s (step)
  where s.step ->> 'type' <> all (pipeline.step_types()) limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Step "%s" is of the type "%s", which there is not. Types: %s.', left(v_step.name, 100), left(v_step.type, 100),
      array_to_string(pipeline.step_types(), ', ')), 'steps');
  end if;
  update pipeline.blueprint_versions
  set status = 'published', published_at = now(), published_by = app.actor_id()
  where tenant_id = v_version.tenant_id and id = v_version.id;
  update pipeline.blueprints set published_version_id = v_version.id
  where tenant_id = v_blueprint.tenant_id and id = v_blueprint.id
  returning * into v_blueprint;
  return v_blueprint;
end
$$;
comment on function pipeline.publish_blueprint(uuid) is 'Publishes the draft of a blueprint: from now on new runs take that version, and it never changes again.';
grant execute on function pipeline.publish_blueprint(uuid) to rowhouse_manager;
