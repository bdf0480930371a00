-- A person's work is theirs. The conversation is in sight of everybody, so the refusal says why, instead of finding nothing.
create or replace function inbox.refuse_other_thread(p_thread_id uuid) returns void
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('FORBIDDEN', format('Conversation %s is assigned to somebody else. Members work on conversations that are assigned to them or to nobody; ask a manager to assign it to you.', p_thread_id));
end
$$;
comment on function inbox.refuse_other_thread(uuid) is E'@behavior -*\nSays that a conversation is somebody else''s work.';
grant execute on function inbox.refuse_other_thread(uuid) to rowhouse_member;

create or replace function inbox.guard_thread_owner() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform inbox.refuse_other_thread(old.id);
  return null;
end
$$;
comment on function inbox.guard_thread_owner() is 'Keeps members from changing conversations that are assigned to others.';
-- Counts of messages and assignments are kept by functions that act as the owner, and pass.
select ddl.trigger('inbox.inbox_threads', '_200_owner', $$before update for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped') and old.assigned_to is not null and old.assigned_to is distinct from app.actor_id())
  execute function inbox.guard_thread_owner()$$);

create or replace function inbox.guard_message_thread() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if exists (select from inbox.inbox_threads t where t.tenant_id = new.tenant_id and t.id = new.thread_id and t.assigned_to <> app.actor_id()) then
    perform inbox.refuse_other_thread(new.thread_id);
  end if;
  return new;
end
$$;
comment on function inbox.guard_message_thread() is 'Keeps members from answering in conversations that are assigned to others, and from marking their messages. What a contact writes is taken from whoever brings it.';
select ddl.trigger('inbox.inbox_messages', '_200_thread_insert', $$before insert for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped') and new.direction <> 'inbound') execute function inbox.guard_message_thread()$$);
select ddl.trigger('inbox.inbox_messages', '_200_thread_update', $$before update for each row
  when (current_user in ('rowhouse_member', 'rowhouse_member_scoped')) execute function inbox.guard_message_thread()$$);
