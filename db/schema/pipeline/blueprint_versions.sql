-- The steps of a blueprint as they were at a time: a draft changes, what was published never does.
create table if not exists pipeline.blueprint_versions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  blueprint_id uuid not null,
  version integer not null constraint blueprint_versions_version_check check (version >= 1),
  status pipeline.blueprint_version_status not null default 'draft',
  steps jsonb not null default '[]',
  changelog text constraint blueprint_versions_changelog_check check (length(changelog) <= 5000),
  created_by uuid default app.actor_id(),
  published_by uuid,
  published_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint blueprint_versions_pkey primary key (tenant_id, id),
  constraint blueprint_versions_published_at_check check ((status = 'published') = (published_at is not null)),
  -- Each element is an object with a name, a type and a config; in strict mode a missing one makes the count differ.
  constraint blueprint_versions_steps_check check (case when jsonb_typeof(steps) = 'array' then jsonb_array_length(steps)
    = jsonb_array_length(jsonb_path_query_array(steps, 'strict $[*] ? (@.type() == "object"
        && @."name" like_regex "^[a-z][a-z0-9_]*$" && @."type" like_regex "^[a-z][a-z0-9_]*$" && @."config".type() == "object")', '{}', true))
    else false end)
);
comment on table pipeline.blueprint_versions is E'@typeid bpv\nThe steps of a blueprint in one version. A run stays on its version.';
comment on column pipeline.blueprint_versions.version is 'Counts from 1 within the blueprint.';
comment on column pipeline.blueprint_versions.steps is
  'Blocks in order: an array of {name, type, config}, such as {"name": "check_email", "type": "email", "config": {}}.';
comment on column pipeline.blueprint_versions.changelog is 'What is new in this version.';
create unique index if not exists blueprint_versions_blueprint_id_version_key on pipeline.blueprint_versions (tenant_id, blueprint_id, version);
create unique index if not exists blueprint_versions_draft_key on pipeline.blueprint_versions (tenant_id, blueprint_id) where status = 'draft';
select ddl.foreign_key('pipeline.blueprint_versions', 'blueprint_id', 'pipeline.blueprints', 'cascade', p_index => false);
comment on constraint blueprint_versions_blueprint_id_fkey on pipeline.blueprint_versions is '@nestedCreate';
select ddl.foreign_key('pipeline.blueprint_versions', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('pipeline.blueprint_versions', 'published_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.blueprint_versions', p_insert => '{blueprint_id,steps,changelog}', p_update => '{steps,changelog}',
  p_write_role => 'rowhouse_manager');
select ddl.state_machine('pipeline.blueprint_versions', 'status', '{"draft": ["published"], "published": []}');

create or replace function pipeline.guard_published_blueprint_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Version %s of the blueprint is published and never changes. Make a new draft.', old.version));
  return null;
end
$$;
comment on function pipeline.guard_published_blueprint_version() is 'Refuses a change of a published version.';
select ddl.trigger('pipeline.blueprint_versions', '_200_published', $$before update or delete for each row
  when (old.status = 'published' and pg_trigger_depth() = 0) execute function pipeline.guard_published_blueprint_version()$$);

create or replace function pipeline.number_blueprint_version() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- Two who write the next version at once take turns.
  perform from pipeline.blueprints where tenant_id = new.tenant_id and id = new.blueprint_id for no key update;
  select coalesce(max(version), 0) + 1 into new.version
  from pipeline.blueprint_versions where tenant_id = new.tenant_id and blueprint_id = new.blueprint_id;
  return new;
end
$$;
comment on function pipeline.number_blueprint_version() is 'Gives a new version the next number of its blueprint.';
select ddl.trigger('pipeline.blueprint_versions', '_300_number',
  'before insert for each row when (new.version is null) execute function pipeline.number_blueprint_version()');
