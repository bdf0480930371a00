create or replace function outreach.archive_template(template_id uuid) returns outreach.templates
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
begin
  perform app.require_scope('outreach:write');
  update outreach.templates t set archived_at = coalesce(t.archived_at, now())
  where t.tenant_id = app.tenant_id() and t.id = archive_template.template_id and t.deleted_at is null
  returning * into v_template;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  return v_template;
end
$$;
comment on function outreach.archive_template(uuid) is 'Puts a template out of the way: no new campaign takes it. What uses it goes on.';
grant execute on function outreach.archive_template(uuid) to rowhouse_member;
