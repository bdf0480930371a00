-- How far a run is: the sum of its batches, which are the only record of it.
do $$
begin
  if to_regtype('lists.enrichment_progress') is null then
    create type lists.enrichment_progress as (
      enrichment_plan_id uuid,
      run_number integer,
      status lists.queue_job_status,
      entry_count bigint,
      processed_count bigint,
      changed_count bigint,
      failed_count bigint,
      batch_count bigint,
      queued_batch_count bigint,
      running_batch_count bigint,
      succeeded_batch_count bigint,
      failed_batch_count bigint,
      cancelled_batch_count bigint,
      started_at timestamptz,
      finished_at timestamptz
    );
  end if;
end
$$;
comment on type lists.enrichment_progress is 'How far a run of an enrichment plan is.';
comment on column lists.enrichment_progress.enrichment_plan_id is E'@typeid plan\nThe plan.';
comment on column lists.enrichment_progress.run_number is 'Which run of the plan, from 1.';
comment on column lists.enrichment_progress.status is
  'Queued until a batch begins, running until the last one ended; failed when a batch failed for good, else cancelled when one was.';
comment on column lists.enrichment_progress.entry_count is 'Entries of the run.';
comment on column lists.enrichment_progress.processed_count is 'Entries of the batches that are done.';
comment on column lists.enrichment_progress.changed_count is 'Entries of which something was learnt.';
comment on column lists.enrichment_progress.failed_count is 'Entries of which a step failed.';
comment on column lists.enrichment_progress.started_at is 'When the first batch began.';
comment on column lists.enrichment_progress.finished_at is 'When the last batch ended; empty while one is queued or running.';

create or replace function lists.enrichment_progress(plan_id uuid, run_number integer default null) returns lists.enrichment_progress
language sql stable set search_path to pg_catalog as $$
  select p.id, coalesce(enrichment_progress.run_number, p.run_count),
    case
      when s.running > 0 or (s.queued > 0 and s.queued < s.batches) then 'running'
      when s.queued > 0 then 'queued' when s.failed > 0 then 'failed' when s.cancelled > 0 then 'cancelled'
      else 'succeeded' end,
    s.entry_count, s.processed_count, s.changed_count, s.failed_count,
    s.batches, s.queued, s.running, s.succeeded, s.failed, s.cancelled,
    s.started_at, case when s.queued + s.running = 0 then s.finished_at end
  from lists.enrichment_plans p,
  lateral (
    select coalesce(sum(j.entry_count), 0) as entry_count, coalesce(sum(j.processed_count), 0) as processed_count,
      coalesce(sum(j.changed_count), 0) as changed_count, coalesce(sum(j.failed_count), 0) as failed_count,
      count(*) as batches, min(j.started_at) as started_at, max(j.finished_at) as finished_at,
      count(*) filter (where j.status = 'queued') as queued, count(*) filter (where j.status = 'running') as running,
      count(*) filter (where j.status = 'succeeded') as succeeded, count(*) filter (where j.status = 'failed') as failed,
      count(*) filter (where j.status = 'cancelled') as cancelled
    from lists.enrichment_queue_jobs j
    where j.tenant_id = p.tenant_id and j.enrichment_plan_id = p.id
      and j.run_number = coalesce(enrichment_progress.run_number, p.run_count)
  ) s
  where p.tenant_id = app.tenant_id() and p.id = plan_id and p.run_count > 0
$$;
comment on function lists.enrichment_progress(uuid, integer) is
  'How far a run of a plan is: the last one unless a number is given. Nothing when the plan was never run.';
grant execute on function lists.enrichment_progress(uuid, integer) to rowhouse_viewer, rowhouse_system;

create or replace function lists.enrichment_plans_progress(plan lists.enrichment_plans) returns lists.enrichment_progress
language sql stable set search_path to pg_catalog
return lists.enrichment_progress(plan.id);
comment on function lists.enrichment_plans_progress(lists.enrichment_plans) is 'How far the last run of the plan is.';
grant execute on function lists.enrichment_plans_progress(lists.enrichment_plans) to rowhouse_viewer, rowhouse_system;
