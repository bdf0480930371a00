create or replace function inbox.assign_thread(thread_id uuid, actor_id uuid default null, note text default null) returns inbox.inbox_threads
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_thread inbox.inbox_threads;
  v_now timestamptz;
begin
  perform app.require_scope('inbox:write');
  select * into v_thread from inbox.inbox_threads t
  where t.tenant_id = app.tenant_id() and t.id = assign_thread.thread_id and t.deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no conversation %s.', assign_thread.thread_id), 'threadId');
  end if;
  if assign_thread.actor_id is not null and not exists (
    select from iam.actors a left join iam.memberships m on m.tenant_id = a.tenant_id and m.id = a.membership_id
    where a.tenant_id = v_thread.tenant_id and a.id = assign_thread.actor_id and (a.membership_id is null or m.deleted_at is null)
  ) then
    perform app.raise('NOT_FOUND', format('There is no actor %s who could answer.', assign_thread.actor_id), 'actorId');
  end if;
  if v_thread.assigned_to is not distinct from assign_thread.actor_id then
    return v_thread;
  end if;
  -- Members take and give away what is nobody's or their own.
  if v_thread.assigned_to <> app.actor_id() and current_setting('jwt.claims.role', true) = 'member' then
    perform inbox.refuse_other_thread(v_thread.id);
  end if;
  -- The time at which it was this one's turn: a transaction that had to wait may have begun before the assignment it ends.
  v_now := clock_timestamp();
  update inbox.inbox_assignments a set unassigned_at = v_now
  where a.tenant_id = v_thread.tenant_id and a.thread_id = v_thread.id and a.unassigned_at is null;
  if assign_thread.actor_id is not null then
    insert into inbox.inbox_assignments (tenant_id, thread_id, assigned_to, note, assigned_at)
    values (v_thread.tenant_id, v_thread.id, assign_thread.actor_id, assign_thread.note, v_now);
  end if;
  update inbox.inbox_threads t set assigned_to = assign_thread.actor_id
  where t.tenant_id = v_thread.tenant_id and t.id = v_thread.id returning * into v_thread;
  return v_thread;
end
$$;
comment on function inbox.assign_thread(uuid, uuid, text) is 'Gives a conversation to somebody, or without an actor to nobody; the assignments keep who had it before. Members give away what is nobody''s or their own.';
grant execute on function inbox.assign_thread(uuid, uuid, text) to rowhouse_member;
