create or replace function pipeline.blueprints_runs(blueprint pipeline.blueprints) returns setof pipeline.pipeline_runs
language sql stable
begin atomic
  select r.* from pipeline.pipeline_runs r
  where r.tenant_id = blueprint.tenant_id and r.blueprint_version_id in (
    select v.id from pipeline.blueprint_versions v where v.tenant_id = blueprint.tenant_id and v.blueprint_id = blueprint.id);
end;
comment on function pipeline.blueprints_runs(pipeline.blueprints) is E'@behavior +order\nRuns of the blueprint, of whichever version.';
grant execute on function pipeline.blueprints_runs(pipeline.blueprints) to rowhouse_viewer;
