-- Which worker processes are alive: graphile-worker itself keeps the locks of a killed worker for four hours.
create table if not exists private.worker_heartbeats (
  worker_id text primary key,
  host text not null,
  process_id integer not null,
  started_at timestamptz not null default now(),
  beat_at timestamptz not null default now()
);
comment on table private.worker_heartbeats is 'One row per running worker process, renewed every few seconds.';
select ddl.private_table('private.worker_heartbeats');
select ddl.policy('private.worker_heartbeats', 'all_worker', 'for all to rowhouse_worker using (true) with check (true)');
grant select, insert, update, delete on private.worker_heartbeats to rowhouse_worker;

set local role rowhouse_worker;
create or replace function private.release_lost_jobs(p_silent_for interval) returns text[]
language plpgsql set search_path to pg_catalog as $$
declare
  v_lost text[];
begin
  -- One worker looks; the others need not wait for it.
  if not pg_try_advisory_xact_lock(hashtext('private.release_lost_jobs')) then
    return '{}';
  end if;
  delete from private.worker_heartbeats where beat_at < now() - p_silent_for;
  -- Also finds a worker that was killed before its first sign of life.
  select array_agg(l.locked_by) into v_lost
  from (
    select locked_by from graphile_worker._private_jobs where locked_at < now() - p_silent_for
    union
    select locked_by from graphile_worker._private_job_queues where locked_at < now() - p_silent_for
  ) l
  where not exists (select from private.worker_heartbeats h where h.worker_id = l.locked_by);
  if v_lost is null then
    return '{}';
  end if;
  perform graphile_worker.force_unlock_workers(v_lost);
  return v_lost;
end
$$;
comment on function private.release_lost_jobs(interval) is
  'Forgets the workers that gave no sign of life for this long, frees the jobs they held, and returns whom it freed them from.';
revoke all on function private.release_lost_jobs(interval) from public;
set local role rowhouse_owner;
