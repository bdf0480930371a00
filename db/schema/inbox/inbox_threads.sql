-- A conversation with a contact through one channel.
create table if not exists inbox.inbox_threads (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  lead_id uuid,
  channel crm.channel not null,
  subject text constraint inbox_threads_subject_check check (length(subject) <= 500),
  status inbox.thread_status not null default 'open',
  priority inbox.thread_priority not null default 'normal',
  assigned_to uuid,
  sla_policy_id uuid,
  message_count bigint not null default 0,
  unread_count bigint not null default 0,
  last_message_at timestamptz,
  snoozed_until timestamptz,
  closed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint inbox_threads_pkey primary key (tenant_id, id),
  constraint inbox_threads_snoozed_until_check check ((status = 'snoozed') = (snoozed_until is not null)),
  constraint inbox_threads_message_count_check check (message_count >= 0 and unread_count between 0 and message_count)
);
comment on table inbox.inbox_threads is E'@typeid thread\nA conversation with a contact through one channel.';
comment on column inbox.inbox_threads.subject is 'What it is about.';
comment on column inbox.inbox_threads.assigned_to is 'Actor who answers it; changed by assignThread.';
comment on column inbox.inbox_threads.message_count is 'How many messages it has.';
comment on column inbox.inbox_threads.unread_count is 'How many messages of the contact nobody has read.';
comment on column inbox.inbox_threads.snoozed_until is 'When a snoozed conversation comes back.';
create index if not exists inbox_threads_contact_id_idx on inbox.inbox_threads (tenant_id, contact_id, status, id);
create index if not exists inbox_threads_status_idx on inbox.inbox_threads (tenant_id, status, last_message_at, id);
create index if not exists inbox_threads_assigned_to_idx on inbox.inbox_threads (tenant_id, assigned_to, status, last_message_at);
create index if not exists inbox_threads_snoozed_until_idx on inbox.inbox_threads (tenant_id, snoozed_until) where snoozed_until is not null;
create index if not exists inbox_threads_created_at_idx on inbox.inbox_threads (tenant_id, created_at);
select ddl.foreign_key('inbox.inbox_threads', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('inbox.inbox_threads', 'lead_id', 'crm.leads', 'set null');
select ddl.foreign_key('inbox.inbox_threads', 'assigned_to', 'iam.actors', 'set null', p_index => false);
select ddl.foreign_key('inbox.inbox_threads', 'sla_policy_id', 'inbox.inbox_sla_policies', 'set null');
comment on constraint inbox_threads_sla_policy_id_fkey on inbox.inbox_threads is '@foreignFieldName threads';
select ddl.tenant_table('inbox.inbox_threads', p_insert => '{contact_id,lead_id,channel,subject,priority}',
  p_update => '{lead_id,subject,status,priority,snoozed_until}');
select ddl.state_machine('inbox.inbox_threads', 'status',
  '{"open": ["pending", "snoozed", "closed"], "pending": ["open", "snoozed", "closed"], "snoozed": ["open", "pending", "closed"], "closed": ["open"]}',
  '{open,pending}');

create or replace function inbox.stamp_thread() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.closed_at := case when new.status = 'closed' then now() end;
  -- Whoever takes a conversation out of its snooze need not name the time again.
  if old.status = 'snoozed' and new.status <> 'snoozed' then
    new.snoozed_until := null;
  end if;
  return new;
end
$$;
comment on function inbox.stamp_thread() is 'Keeps the times that follow from the status of a conversation.';
select ddl.trigger('inbox.inbox_threads', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function inbox.stamp_thread()');
select ddl.masked('inbox.inbox_threads', '{"subject": "text"}');
