create or replace function lists.queue_enrichment_run(p_plan lists.enrichment_plans, p_list_import_id uuid) returns lists.enrichment_plans
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_plan lists.enrichment_plans;
begin
  update lists.enrichment_plans set run_count = run_count + 1, last_run_at = now()
  where tenant_id = p_plan.tenant_id and id = p_plan.id
  returning * into v_plan;

  -- The entries in order of their ids, cut into batches: a job needs only the first and the last id of its own.
  with chosen as (
    select e.id from lists.list_entries e
    where p_list_import_id is null and e.tenant_id = v_plan.tenant_id and e.list_id = v_plan.list_id and e.deleted_at is null
    union all
    select e.id from lists.list_entries e
    where e.tenant_id = v_plan.tenant_id and e.list_import_id = p_list_import_id and e.deleted_at is null
    union all
    select distinct e.id from lists.list_import_rows r
    join lists.list_entries e on e.tenant_id = r.tenant_id and e.id = r.list_entry_id and e.deleted_at is null
    where r.tenant_id = v_plan.tenant_id and r.list_import_id = p_list_import_id and r.outcome in ('filled', 'overwritten')
      and e.list_import_id is distinct from p_list_import_id
  ), numbered as (
    select id, (row_number() over (order by id) - 1) / v_plan.batch_size as batch from chosen
  ), batches as (
    select batch, (array_agg(id order by id))[1] as first_id, (array_agg(id order by id desc))[1] as last_id, count(*) as entry_count
    from numbered group by batch
  )
  insert into lists.enrichment_queue_jobs
    (tenant_id, enrichment_plan_id, list_id, list_import_id, run_number, batch_number, first_entry_id, last_entry_id, entry_count)
  select v_plan.tenant_id, v_plan.id, v_plan.list_id, p_list_import_id, v_plan.run_count, batch + 1, first_id, last_id, entry_count
  from batches order by batch;
  return v_plan;
end
$$;
comment on function lists.queue_enrichment_run(lists.enrichment_plans, uuid) is
  E'@behavior -*\nStarts a run of a plan: its entries, or those that one import brought or changed, cut into batches of which each becomes a job.';

create or replace function lists.run_enrichment_plan(plan_id uuid) returns lists.enrichment_plans
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_plan lists.enrichment_plans;
begin
  perform app.require_scope('enrichment:write');
  select * into v_plan from lists.enrichment_plans
  where tenant_id = app.tenant_id() and id = plan_id and deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no enrichment plan %s.', plan_id), 'planId');
  end if;
  if v_plan.status <> 'active' then
    perform app.raise('INVALID_STATE', format('Plan "%s" is %s. Set its status to ACTIVE to run it.', v_plan.name, v_plan.status), 'planId');
  end if;
  if not exists (select from lists.enrichment_plan_steps s
      where s.tenant_id = v_plan.tenant_id and s.enrichment_plan_id = v_plan.id and s.deleted_at is null) then
    perform app.raise('INVALID_STATE', format('Plan "%s" has no steps. Add at least one step to run it.', v_plan.name), 'planId');
  end if;
  if exists (select from lists.enrichment_queue_jobs j where j.tenant_id = v_plan.tenant_id and j.enrichment_plan_id = v_plan.id
      and j.status in ('queued', 'running')) then
    perform app.raise('INVALID_STATE', format('Run %s of plan "%s" is still under way. Wait for its end, or cancel it.', v_plan.run_count, v_plan.name), 'planId');
  end if;
  return lists.queue_enrichment_run(v_plan, null);
end
$$;
comment on function lists.run_enrichment_plan(uuid) is 'Runs a plan on all living entries of its list, in batches.';
grant execute on function lists.run_enrichment_plan(uuid) to rowhouse_member;
