-- How much there is to do, kept as conversations come and move on.
create table if not exists inbox.inbox_thread_totals (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  status inbox.thread_status not null,
  assigned_to uuid,
  slot smallint not null default 0,
  thread_count bigint not null default 0,
  unread_thread_count bigint not null default 0,
  urgent_thread_count bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint inbox_thread_totals_pkey primary key (tenant_id, id)
) with (fillfactor = 50);
comment on table inbox.inbox_thread_totals is E'@behavior -*\nTotals of conversations by status and assignee, spread over slots; inbox_load adds them up.';
comment on column inbox.inbox_thread_totals.slot is 'Writers at the same time add to different slots.';
create unique index if not exists inbox_thread_totals_status_assigned_to_key
  on inbox.inbox_thread_totals (tenant_id, status, assigned_to, slot) nulls not distinct;
select ddl.foreign_key('inbox.inbox_thread_totals', 'assigned_to', 'iam.actors', 'cascade');
select ddl.tenant_table('inbox.inbox_thread_totals', p_system => 'select');
select ddl.roll_up('inbox.inbox_threads', 'inbox.inbox_thread_totals', '{"status": "r.status", "assigned_to": "r.assigned_to"}', '{
  "thread_count": "true", "unread_thread_count": "r.unread_count > 0", "urgent_thread_count": "r.priority = ''urgent''"
}');
