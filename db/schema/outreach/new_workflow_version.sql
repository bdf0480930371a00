create or replace function outreach.new_workflow_version(workflow_id uuid, changelog text default null) returns outreach.workflow_versions
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_workflow outreach.workflows;
  v_draft integer;
  v_version outreach.workflow_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_workflow from outreach.workflows w
  where w.tenant_id = app.tenant_id() and w.id = new_workflow_version.workflow_id and w.deleted_at is null for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no workflow %s.', new_workflow_version.workflow_id), 'workflowId');
  end if;
  select v.version into v_draft from outreach.workflow_versions v
  where v.tenant_id = v_workflow.tenant_id and v.workflow_id = v_workflow.id and v.status = 'draft';
  if found then
    perform app.raise('CONFLICT', format('Version %s of workflow "%s" is a draft already. Change or publish that.', v_draft, v_workflow.name), 'workflowId');
  end if;
  -- Begins as a copy of what new runs take; empty, when there is none.
  insert into outreach.workflow_versions (tenant_id, workflow_id, trigger, nodes, edges, goals, changelog)
  select v_workflow.tenant_id, v_workflow.id, coalesce(v.trigger, '{}'), coalesce(v.nodes, '[]'), coalesce(v.edges, '[]'), coalesce(v.goals, '[]'),
    new_workflow_version.changelog
  from (values (v_workflow.published_version_id)) w (id)
  left join outreach.workflow_versions v on v.tenant_id = v_workflow.tenant_id and v.id = w.id
  returning * into v_version;
  return v_version;
end
$$;
comment on function outreach.new_workflow_version(uuid, text) is
  'Makes a draft of the next version, as a copy of the version that new runs take. A workflow has one draft at a time.';
grant execute on function outreach.new_workflow_version(uuid, text) to rowhouse_member;
