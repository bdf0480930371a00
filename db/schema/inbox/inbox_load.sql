create or replace view inbox.inbox_load with (security_invoker = true) as
select t.tenant_id, t.status, t.assigned_to, t.thread_count, t.unread_thread_count, t.urgent_thread_count,
  coalesce(b.thread_count, 0) as breached_thread_count
from (
  select tenant_id, status, assigned_to, sum(thread_count)::bigint as thread_count,
    sum(unread_thread_count)::bigint as unread_thread_count, sum(urgent_thread_count)::bigint as urgent_thread_count
  from inbox.inbox_thread_totals
  group by 1, 2, 3 having sum(thread_count) > 0
) t
-- What is closed is not late any more, so only the conversations that are not are looked at: they are few.
left join (
  select h.tenant_id, h.status, h.assigned_to, count(*) as thread_count
  from inbox.inbox_threads h
  where h.status in ('open', 'pending', 'snoozed') and h.deleted_at is null
    and exists (select from inbox.inbox_sla_clocks c where c.tenant_id = h.tenant_id and c.thread_id = h.id
      and (c.status = 'breached' or c.status = 'running' and c.due_at < now()))
  group by 1, 2, 3
) b on b.tenant_id = t.tenant_id and b.status = t.status and b.assigned_to is not distinct from t.assigned_to;
comment on view inbox.inbox_load is
  E'@behavior -type:node -query:resource:single\n@foreignKey (tenant_id, assigned_to) references iam.actors (tenant_id, id)|@fieldName assignee|@foreignFieldName inboxLoad\nHow many conversations there are in each status, by the actor who answers them.';
comment on column inbox.inbox_load.status is E'@notNull\nWhere the conversations stand.';
comment on column inbox.inbox_load.assigned_to is 'Actor who answers them; none for those that nobody has taken.';
comment on column inbox.inbox_load.thread_count is E'@notNull\nConversations.';
comment on column inbox.inbox_load.unread_thread_count is E'@notNull\nConversations with a message of the contact that nobody has read.';
comment on column inbox.inbox_load.urgent_thread_count is E'@notNull\nUrgent conversations.';
comment on column inbox.inbox_load.breached_thread_count is E'@notNull\nConversations, not closed, that were or are not answered or solved in time.';
grant select on inbox.inbox_load to rowhouse_viewer, rowhouse_system;
