create or replace function inbox.count_thread_messages() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_threads uuid[];
begin
  if tg_op = 'INSERT' then
    v_threads := array(select distinct thread_id from new_rows);
  elsif tg_op = 'DELETE' then
    v_threads := array(select distinct thread_id from old_rows);
  else
    v_threads := array(select thread_id from new_rows union select thread_id from old_rows);
  end if;
  -- In the order of their ids, so that two statements on the same threads do not wait for each other in a circle.
  perform from inbox.inbox_threads t where t.tenant_id = app.tenant_id() and t.id = any (v_threads) order by t.id for no key update;
  update inbox.inbox_threads t
  set message_count = c.messages, unread_count = c.unread, last_message_at = c.latest
  from (
    select h.id, count(m.id) as messages,
      count(m.id) filter (where m.direction = 'inbound' and m.read_at is null) as unread, max(m.sent_at) as latest
    from unnest(v_threads) h (id)
    left join inbox.inbox_messages m on m.tenant_id = app.tenant_id() and m.thread_id = h.id and m.deleted_at is null
    group by h.id
  ) c
  where t.tenant_id = app.tenant_id() and t.id = c.id
    and (t.message_count, t.unread_count, t.last_message_at) is distinct from (c.messages, c.unread, c.latest);
  return null;
end
$$;
comment on function inbox.count_thread_messages() is
  'Keeps message_count, unread_count and last_message_at of conversations: one update per statement.';
select ddl.trigger('inbox.inbox_messages', '_300_count_on_insert',
  'after insert referencing new table as new_rows for each statement execute function inbox.count_thread_messages()');
select ddl.trigger('inbox.inbox_messages', '_300_count_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function inbox.count_thread_messages()');
select ddl.trigger('inbox.inbox_messages', '_300_count_on_delete',
  'after delete referencing old table as old_rows for each statement execute function inbox.count_thread_messages()');
select ddl.recount('inbox.inbox_threads', '{id}', '{message_count,unread_count}', $$
  select tenant_id, thread_id as id, count(*) as message_count, count(*) filter (where direction = 'inbound' and read_at is null) as unread_count
  from inbox.inbox_messages where deleted_at is null group by 1, 2$$);
