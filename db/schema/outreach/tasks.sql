-- An intention to act. What was really sent is a message.
create table if not exists outreach.tasks (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  kind outreach.task_kind not null default 'other',
  title text not null constraint tasks_title_check check (length(btrim(title)) between 1 and 500),
  description text constraint tasks_description_check check (length(description) <= 20000),
  status outreach.task_status not null default 'open',
  contact_id uuid,
  lead_id uuid,
  company_id uuid,
  campaign_id uuid,
  sequence_enrollment_id uuid,
  sequence_step_id uuid,
  message_id uuid,
  assigned_to uuid,
  created_by uuid default app.actor_id(),
  due_at timestamptz,
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint tasks_pkey primary key (tenant_id, id),
  constraint tasks_completed_at_check check ((status in ('done', 'cancelled')) = (completed_at is not null))
);
comment on table outreach.tasks is E'@typeid task\nSomething that somebody means to do.';
comment on column outreach.tasks.title is 'What is to be done.';
comment on column outreach.tasks.message_id is 'The message that came of it.';
comment on column outreach.tasks.assigned_to is 'Actor who is to do it.';
comment on column outreach.tasks.created_by is 'Actor who made it.';
create index if not exists tasks_status_idx on outreach.tasks (tenant_id, status, due_at, id);
create index if not exists tasks_assigned_to_idx on outreach.tasks (tenant_id, assigned_to, status, due_at);
create index if not exists tasks_created_at_idx on outreach.tasks (tenant_id, created_at);
select ddl.foreign_key('outreach.tasks', 'contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('outreach.tasks', 'lead_id', 'crm.leads', 'cascade');
select ddl.foreign_key('outreach.tasks', 'company_id', 'crm.companies', 'cascade');
select ddl.foreign_key('outreach.tasks', 'campaign_id', 'outreach.campaigns', 'set null');
select ddl.foreign_key('outreach.tasks', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'set null');
select ddl.foreign_key('outreach.tasks', 'sequence_step_id', 'outreach.sequence_steps', 'set null');
select ddl.foreign_key('outreach.tasks', 'message_id', 'outreach.messages', 'set null');
select ddl.foreign_key('outreach.tasks', 'assigned_to', 'iam.actors', 'set null', p_index => false);
select ddl.foreign_key('outreach.tasks', 'created_by', 'iam.actors', 'set null');
comment on constraint tasks_sequence_enrollment_id_fkey on outreach.tasks is E'@fieldName enrollment';
comment on constraint tasks_sequence_step_id_fkey on outreach.tasks is E'@fieldName step';
comment on constraint tasks_assigned_to_fkey on outreach.tasks is E'@foreignFieldName assignedTasks';
select ddl.tenant_table('outreach.tasks', p_insert => '{kind,title,description,contact_id,lead_id,company_id,campaign_id,sequence_enrollment_id,assigned_to,due_at}',
  p_update => '{kind,title,description,status,contact_id,lead_id,company_id,campaign_id,assigned_to,due_at}');
select ddl.state_machine('outreach.tasks', 'status',
  '{"open": ["in_progress", "done", "cancelled"], "in_progress": ["open", "done", "cancelled"], "done": ["open"], "cancelled": ["open"]}', '{open}');

create or replace function outreach.stamp_task() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.completed_at := case when new.status in ('done', 'cancelled') then coalesce(new.completed_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_task() is 'Keeps the time that follows from the status of a task.';
select ddl.trigger('outreach.tasks', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_task()');

-- A person's work is theirs. The row is in sight of everybody, so the refusal says why, instead of finding nothing.
create or replace function outreach.guard_task_owner() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('FORBIDDEN', format('Task %s is somebody else''s. Members change tasks that they made, that are assigned to them or to nobody; ask a manager.', old.id));
  return null;
end
$$;
comment on function outreach.guard_task_owner() is 'Keeps members from changing the tasks of others.';
select ddl.trigger('outreach.tasks', '_200_owner', $$before update for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped') and old.assigned_to is not null and old.assigned_to is distinct from app.actor_id()
    and old.created_by is distinct from app.actor_id()) execute function outreach.guard_task_owner()$$);
select ddl.masked('outreach.tasks', '{"title": "text", "description": "text"}');
