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
