create or replace function outreach.publish_workflow(workflow_id uuid) returns outreach.workflows
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_workflow outreach.workflows;
  v_draft outreach.workflow_versions;
begin
  perform app.require_scope('outreach:write');
  select * into v_workflow from outreach.workflows w
  where w.tenant_id = app.tenant_id() and w.id = publish_workflow.workflow_id and w.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no workflow %s.', publish_workflow.workflow_id), 'workflowId');
  end if;
  select * into v_draft from outreach.workflow_versions v
  where v.tenant_id = v_workflow.tenant_id and v.workflow_id = v_workflow.id and v.status = 'draft' for update;
  if not found then
    perform app.raise('INVALID_STATE', format('Workflow "%s" has no draft. Make one by newWorkflowVersion first.', v_workflow.name), 'workflowId');
  end if;
  perform outreach.check_workflow_graph(v_draft.nodes, v_draft.edges, v_draft.goals);
  update outreach.workflow_versions v set status = 'published', published_at = now(), published_by = app.actor_id()
  where v.tenant_id = v_draft.tenant_id and v.id = v_draft.id;
  update outreach.workflows w
  set published_version_id = v_draft.id, status = case when w.status = 'draft' then 'active' else w.status end
  where w.tenant_id = v_workflow.tenant_id and w.id = v_workflow.id returning * into v_workflow;
  return v_workflow;
end
$$;
comment on function outreach.publish_workflow(uuid) is
  'Publishes the draft of a workflow, after checking that its graph can be run. Runs that are under way stay on their version.';
grant execute on function outreach.publish_workflow(uuid) to rowhouse_manager;
