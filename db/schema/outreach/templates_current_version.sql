-- Templates and versions point at each other; the version that is sent comes after both.
select ddl.foreign_key('outreach.templates', 'current_version_id', 'outreach.template_versions', 'set null');
comment on constraint templates_current_version_id_fkey on outreach.templates is E'@fieldName currentVersion\n@foreignFieldName currentOf';

create or replace function outreach.guard_current_version() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if not exists (select from outreach.template_versions v
    where v.tenant_id = new.tenant_id and v.id = new.current_version_id and v.template_id = new.id and v.status = 'published') then
    perform app.raise('CONFLICT', format('Version %s is not a published version of template "%s".', new.current_version_id, new.name), 'currentVersionId');
  end if;
  return new;
end
$$;
comment on function outreach.guard_current_version() is 'Sees that a template points at a published version of its own.';
select ddl.trigger('outreach.templates', '_200_current_version', $$before insert or update of current_version_id for each row
  when (new.current_version_id is not null) execute function outreach.guard_current_version()$$);

create or replace function outreach.templates_variables(template outreach.templates) returns jsonb
language sql stable set search_path to pg_catalog
return (select v.variables from outreach.template_versions v where v.tenant_id = template.tenant_id and v.id = template.current_version_id);
comment on function outreach.templates_variables(outreach.templates) is
  E'@behavior -aggregate -filterBy -orderBy\nWhat the placeholders of the current version stand for; null while there is none.';
grant execute on function outreach.templates_variables(outreach.templates) to rowhouse_viewer, rowhouse_system;
