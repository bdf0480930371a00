-- How a segment grew and shrank: a row per evaluation.
create table if not exists outreach.segment_history (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  segment_id uuid not null,
  member_count bigint not null constraint segment_history_member_count_check check (member_count >= 0),
  added_count bigint not null default 0 constraint segment_history_added_count_check check (added_count >= 0),
  removed_count bigint not null default 0 constraint segment_history_removed_count_check check (removed_count >= 0),
  duration_ms integer constraint segment_history_duration_ms_check check (duration_ms >= 0),
  evaluated_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint segment_history_pkey primary key (tenant_id, id)
);
comment on table outreach.segment_history is E'@typeid segh\n@name segment_history_entries\nWhat going through the rules of a segment came to, once.';
comment on column outreach.segment_history.member_count is 'How many members there were then.';
comment on column outreach.segment_history.added_count is 'How many came in.';
comment on column outreach.segment_history.removed_count is 'How many went out.';
comment on column outreach.segment_history.duration_ms is 'How long it took, in milliseconds.';
create index if not exists segment_history_segment_id_idx on outreach.segment_history (tenant_id, segment_id, evaluated_at);
select ddl.foreign_key('outreach.segment_history', 'segment_id', 'outreach.segments', 'cascade', p_index => false);
comment on constraint segment_history_segment_id_fkey on outreach.segment_history is E'@foreignFieldName history';
select ddl.append_only('outreach.segment_history');

create or replace function outreach.note_segment_evaluation() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  update outreach.segments s set evaluated_at = greatest(s.evaluated_at, n.evaluated_at)
  from (select tenant_id, segment_id, max(evaluated_at) as evaluated_at from new_rows group by 1, 2) n
  where s.tenant_id = n.tenant_id and s.id = n.segment_id;
  return null;
end
$$;
comment on function outreach.note_segment_evaluation() is 'Notes with a segment when it was last evaluated.';
select ddl.trigger('outreach.segment_history', '_300_evaluated_at',
  'after insert referencing new table as new_rows for each statement execute function outreach.note_segment_evaluation()');
