set local role rowhouse_worker;
create or replace function private.add_worker_jobs(p_task text, p_payloads json[]) returns void
language sql security definer set search_path to pg_catalog as $$
  -- The n-th job of a statement has priority n: the first batch of one tenant goes before the seventh of another,
  -- so that a tenant with a thousand batches does not keep the others waiting.
  -- The key, which begins with the tenant because keys are global, keeps a job from waiting twice. How often a job is
  -- tried, pipeline.jobs decides: the queue's own limit only has to be higher.
  select graphile_worker.add_jobs(array_agg(
    (p_task, p_payloads[i], null, null, 100, (p_payloads[i] ->> 'tenantId') || ':' || (p_payloads[i] ->> 'jobId'),
      least(i - 1, 32000), null)::graphile_worker.job_spec
    order by i))
  from generate_subscripts(p_payloads, 1) i;
$$;
comment on function private.add_worker_jobs(text, json[]) is
  'Puts jobs into the queue of graphile-worker in one call, as the role that owns the queue.';
grant execute on function private.add_worker_jobs(text, json[]) to rowhouse_owner;
revoke all on function private.add_worker_jobs(text, json[]) from public;
set local role rowhouse_owner;
