create or replace function lists.cancel_enrichment_run(plan_id uuid) returns lists.enrichment_plans
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_plan lists.enrichment_plans;
begin
  perform app.require_scope('enrichment:write');
  select * into v_plan from lists.enrichment_plans where tenant_id = app.tenant_id() and id = plan_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no enrichment plan %s.', plan_id), 'planId');
  end if;
  with cancelled as (
    update lists.enrichment_queue_jobs set status = 'cancelled', finished_at = now()
    where tenant_id = v_plan.tenant_id and enrichment_plan_id = v_plan.id and status = 'queued'
    returning id
  )
  update pipeline.jobs j set status = 'cancelled', cancel_requested_at = now(), finished_at = now()
  from cancelled c
  where j.tenant_id = v_plan.tenant_id and j.subject_id = c.id and j.status in ('queued', 'retrying');
  return v_plan;
end
$$;
comment on function lists.cancel_enrichment_run(uuid) is
  'Cancels the batches of a plan that have not begun; a batch that is running is finished.';
grant execute on function lists.cancel_enrichment_run(uuid) to rowhouse_member;
