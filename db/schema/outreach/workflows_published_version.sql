-- A workflow points to its published version and its versions point to it: the second of the two references comes last.
select ddl.foreign_key('outreach.workflows', 'published_version_id', 'outreach.workflow_versions', 'set null');
comment on constraint workflows_published_version_id_fkey on outreach.workflows is E'@fieldName publishedVersion\n@foreignFieldName publishedAsLatestOf';

create or replace function outreach.guard_published_workflow() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if not exists (select from outreach.workflow_versions v
    where v.tenant_id = new.tenant_id and v.id = new.published_version_id and v.workflow_id = new.id and v.status = 'published') then
    perform app.raise('CONFLICT', format('Version %s is not a published version of workflow "%s".', new.published_version_id, new.name),
      'publishedVersionId');
  end if;
  return new;
end
$$;
comment on function outreach.guard_published_workflow() is 'Sees that a workflow points at a published version of its own.';
select ddl.trigger('outreach.workflows', '_200_published_version', $$before insert or update of published_version_id for each row
  when (new.published_version_id is not null) execute function outreach.guard_published_workflow()$$);
