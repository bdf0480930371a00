set local role rowhouse_worker;
create or replace function private.add_worker_jobs(p_task text, p_payloads json[], p_max_attempts integer default 8) returns void
language sql security definer set search_path to pg_catalog as $$
  -- The n-th job of a statement has priority n: the first batch of one tenant goes before the seventh of another,
  -- so that a tenant with a thousand batches does not keep the others waiting.
  select graphile_worker.add_jobs(array_agg(
    (p_task, p_payloads[i], null, null, p_max_attempts, null, least(i - 1, 32000), null)::graphile_worker.job_spec
    order by i))
  from generate_subscripts(p_payloads, 1) i;
$$;
comment on function private.add_worker_jobs(text, json[], integer) is
  'Puts jobs into the queue of graphile-worker in one call, as the role that owns the queue.';
grant execute on function private.add_worker_jobs(text, json[], integer) to rowhouse_owner;
revoke all on function private.add_worker_jobs(text, json[], integer) from public;
set local role rowhouse_owner;
