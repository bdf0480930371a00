create or replace function outreach.publish_template(template_id uuid) returns outreach.templates
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template outreach.templates;
  v_version outreach.template_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_template from outreach.templates t
  where t.tenant_id = app.tenant_id() and t.id = publish_template.template_id and t.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no template %s.', template_id), 'templateId');
  end if;
  if v_template.archived_at is not null then
    perform app.raise('INVALID_STATE', format('Template "%s" is archived. Bring it back by unarchiveTemplate first.', v_template.name), 'templateId');
  end if;
  select * into v_version from outreach.template_versions v
  where v.tenant_id = v_template.tenant_id and v.template_id = v_template.id and v.status = 'draft' for update;
  if not found then
    perform app.raise('INVALID_STATE', format('Template "%s" has no draft. Make one by newTemplateVersion first.', v_template.name), 'templateId');
  end if;
  if btrim(v_version.body) = '' and v_version.body_html is null then
    perform app.raise('VALIDATION_FAILED', format('Version %s of template "%s" says nothing.', v_version.version, v_template.name), 'body');
  end if;
  if v_template.channel = 'email' and v_version.subject is null then
    perform app.raise('VALIDATION_FAILED', format('Version %s of template "%s" has no subject, and an e-mail needs one.', v_version.version, v_template.name), 'subject');
  end if;
  update outreach.template_versions
  set status = 'published', published_at = now(), published_by = app.actor_id()
  where tenant_id = v_version.tenant_id and id = v_version.id;
  update outreach.templates set current_version_id = v_version.id
  where tenant_id = v_template.tenant_id and id = v_template.id
  returning * into v_template;
  return v_template;
end
$$;
comment on function outreach.publish_template(uuid) is
  'Publishes the draft of a template: from now on new messages take that version, and it never changes again.';
grant execute on function outreach.publish_template(uuid) to rowhouse_manager;
