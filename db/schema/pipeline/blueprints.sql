-- A pipeline that can be run: its name and triggers here, its steps in versions.
create table if not exists pipeline.blueprints (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint blueprints_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint blueprints_description_check check (length(description) <= 5000),
  trigger_config jsonb not null default '{}' constraint blueprints_trigger_config_check check (jsonb_typeof(trigger_config) = 'object'),
  is_active boolean not null default true,
  is_system boolean not null default false,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint blueprints_pkey primary key (tenant_id, id)
);
comment on table pipeline.blueprints is E'@typeid bp\nA pipeline that can be run: a list of blocks, kept in versions.';
comment on column pipeline.blueprints.trigger_config is 'Settings for whatever starts it, a JSON object.';
comment on column pipeline.blueprints.is_active is 'Whether new runs may start.';
comment on column pipeline.blueprints.is_system is 'Made by Rowhouse: it can be switched off, but neither deleted nor renamed.';
create unique index if not exists blueprints_name_key on pipeline.blueprints (tenant_id, name) where deleted_at is null;
create index if not exists blueprints_created_at_idx on pipeline.blueprints (tenant_id, created_at);
select ddl.foreign_key('pipeline.blueprints', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('pipeline.blueprints', p_insert => '{name,description,trigger_config,is_active}',
  p_update => '{name,description,trigger_config,is_active}', p_write_role => 'rowhouse_manager');

create or replace function pipeline.guard_system_blueprint() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if tg_op = 'DELETE' or new.deleted_at is not null then
    perform app.raise('FORBIDDEN', format('Blueprint "%s" is a system blueprint and cannot be deleted. Switch it off by isActive instead.', old.name),
      'deletedAt');
  elsif new.name <> old.name then
    perform app.raise('FORBIDDEN', format('Blueprint "%s" is a system blueprint and cannot be renamed. Make a blueprint of your own.', old.name), 'name');
  elsif not new.is_system then
    perform app.raise('FORBIDDEN', format('Blueprint "%s" is a system blueprint and stays one.', old.name), 'isSystem');
  end if;
  return new;
end
$$;
comment on function pipeline.guard_system_blueprint() is 'Keeps system blueprints from being deleted, renamed or made ordinary.';
-- The end of the whole tenant comes as a cascade, from within a trigger, and passes.
select ddl.trigger('pipeline.blueprints', '_200_system',
  'before update or delete for each row when (old.is_system and pg_trigger_depth() = 0) execute function pipeline.guard_system_blueprint()');
