-- Who had to answer a conversation, and since when: the present one and the earlier ones.
create table if not exists inbox.inbox_assignments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  thread_id uuid not null,
  assigned_to uuid not null,
  assigned_by uuid default app.actor_id(),
  note text constraint inbox_assignments_note_check check (length(note) <= 2000),
  assigned_at timestamptz not null default now(),
  unassigned_at timestamptz constraint inbox_assignments_unassigned_at_check check (unassigned_at >= assigned_at),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint inbox_assignments_pkey primary key (tenant_id, id)
);
comment on table inbox.inbox_assignments is E'@typeid assign\nThat a conversation was given to somebody. Without an end it is the present one.';
comment on column inbox.inbox_assignments.assigned_to is 'Actor who has to answer.';
comment on column inbox.inbox_assignments.assigned_by is 'Actor who decided it.';
comment on column inbox.inbox_assignments.note is 'A word to the one who has to answer.';
create unique index if not exists inbox_assignments_thread_id_key on inbox.inbox_assignments (tenant_id, thread_id) where unassigned_at is null;
create index if not exists inbox_assignments_thread_id_idx on inbox.inbox_assignments (tenant_id, thread_id, assigned_at);
create index if not exists inbox_assignments_assigned_to_idx on inbox.inbox_assignments (tenant_id, assigned_to, assigned_at);
select ddl.foreign_key('inbox.inbox_assignments', 'thread_id', 'inbox.inbox_threads', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_assignments', 'assigned_to', 'iam.actors', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_assignments', 'assigned_by', 'iam.actors', 'set null');
comment on constraint inbox_assignments_thread_id_fkey on inbox.inbox_assignments is E'@foreignFieldName assignments\n@fieldName thread';
comment on constraint inbox_assignments_assigned_to_fkey on inbox.inbox_assignments is '@foreignFieldName inboxAssignments';
comment on constraint inbox_assignments_assigned_by_fkey on inbox.inbox_assignments is '@foreignFieldName madeInboxAssignments';
select ddl.tenant_table('inbox.inbox_assignments');
select ddl.masked('inbox.inbox_assignments', '{"note": "text"}');
