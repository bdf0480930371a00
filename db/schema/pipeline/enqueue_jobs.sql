create or replace function pipeline.enqueue_jobs(p_task text, p_subject_type text, p_tenant_id uuid, p_subject_ids uuid[]) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_payloads json[];
begin
  if p_subject_ids is null or cardinality(p_subject_ids) = 0 then
    return;
  end if;
  with queued as (
    insert into pipeline.jobs (tenant_id, task, subject_type, subject_id, queued_by)
    select p_tenant_id, p_task, p_subject_type, s.id, app.actor_id()
    from unnest(p_subject_ids) with ordinality s (id, n)
    order by s.n
    returning id, subject_id
  )
  select array_agg(json_build_object('tenantId', p_tenant_id, 'jobId', id, 'subjectId', subject_id) order by id)
  into v_payloads from queued;
  perform private.add_worker_jobs(p_task, v_payloads);
end
$$;
comment on function pipeline.enqueue_jobs(text, text, uuid, uuid[]) is
  'Queues one job per subject, in order, within the transaction that causes them. Called by triggers only.';
