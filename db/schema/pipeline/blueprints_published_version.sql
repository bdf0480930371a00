-- Blueprints and versions point at each other; the version that new runs take comes after both.
alter table pipeline.blueprints add column if not exists published_version_id uuid;
comment on column pipeline.blueprints.published_version_id is 'The version that new runs take: the last one published.';
select ddl.foreign_key('pipeline.blueprints', 'published_version_id', 'pipeline.blueprint_versions', 'set null');
comment on constraint blueprints_published_version_id_fkey on pipeline.blueprints is E'@foreignFieldName publishedAsLatestOf';

create or replace function pipeline.guard_published_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if not exists (select from pipeline.blueprint_versions v
    where v.tenant_id = new.tenant_id and v.id = new.published_version_id and v.blueprint_id = new.id and v.status = 'published') then
    perform app.raise('CONFLICT', format('Version %s is not a published version of blueprint "%s".', new.published_version_id, new.name),
      'publishedVersionId');
  end if;
  return new;
end
$$;
comment on function pipeline.guard_published_version() is 'Sees that a blueprint points at a published version of its own.';
select ddl.trigger('pipeline.blueprints', '_200_published_version', $$before insert or update of published_version_id for each row
  when (new.published_version_id is not null) execute function pipeline.guard_published_version()$$);
