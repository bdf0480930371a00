create or replace function outreach.unarchive_template(template_id uuid) returns outreach.templates
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
begin
  perform app.require_scope('outreach:write');
  update outreach.templates t set archived_at = null
  where t.tenant_id = app.tenant_id() and t.id = unarchive_template.template_id and t.deleted_at is null
  returning * into v_template;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  return v_template;
end
$$;
comment on function outreach.unarchive_template(uuid) is 'Brings an archived template back.';
grant execute on function outreach.unarchive_template(uuid) to rowhouse_member;
