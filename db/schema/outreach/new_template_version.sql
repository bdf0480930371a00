create or replace function outreach.new_template_version(template_id uuid, changelog text default null) returns outreach.template_versions
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
  v_draft integer;
  v_version outreach.template_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_template from outreach.templates t
  where t.tenant_id = app.tenant_id() and t.id = new_template_version.template_id and t.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  select v.version into v_draft from outreach.template_versions v
  where v.tenant_id = v_template.tenant_id and v.template_id = v_template.id and v.status = 'draft';
  if found then
    perform app.raise('CONFLICT', format('Version %s of template "%s" is a draft already. Change or publish that.', v_draft, v_template.name), 'templateId');
  end if;
  -- Begins as a copy of what is sent now; empty, when there is none.
  insert into outreach.template_versions (tenant_id, template_id, subject, body, body_html, variables, changelog)
  select v_template.tenant_id, v_template.id, v.subject, coalesce(v.body, ''), v.body_html, coalesce(v.variables, '[]'), new_template_version.changelog
  from (values (v_template.current_version_id)) t (id)
  left join outreach.template_versions v on v.tenant_id = v_template.tenant_id and v.id = t.id
  returning * into v_version;
  return v_version;
end
$$;
comment on function outreach.new_template_version(uuid, text) is
  'Makes a draft of the next version, as a copy of the version that is sent now. A template has one draft at a time.';
grant execute on function outreach.new_template_version(uuid, text) to rowhouse_member;
