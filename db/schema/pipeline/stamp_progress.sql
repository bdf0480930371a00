create or replace function pipeline.stamp_progress() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if new.status = 'running' then
    new.started_at := coalesce(new.started_at, clock_timestamp());
  elsif new.status in ('completed', 'failed', 'cancelled', 'skipped') then
    new.completed_at := coalesce(new.completed_at, clock_timestamp());
  end if;
  return new;
end
$$;
comment on function pipeline.stamp_progress() is 'Notes when a run or block started and ended, as its status moves.';
