-- Nothing of a subject overtakes what came before it: a delivery is blocked until the earlier ones are over. An event of several
-- rows blocks, and waits for, everything of its table. All of this happens under the lock of the subscription's row.
-- A plan that was made while the table was empty would look through all of it for ever: it goes by the indexes, here and where deliveries
-- are claimed and settled.
create or replace function private.unblock_webhook_deliveries(p_tenant_id uuid, p_lanes jsonb) returns void
language sql security definer set search_path to pg_catalog
set enable_seqscan to off set enable_bitmapscan to off set enable_hashjoin to off set enable_mergejoin to off
begin atomic
  with lanes as (
    select distinct l.subscription_id, l.subject_type, l.subject_id from jsonb_to_recordset(p_lanes) l (subscription_id uuid, subject_type text, subject_id uuid)
  ), next as (
    -- The first of the subject, the first that is about several, and after one of those whatever it held back.
    select f.* from lanes l cross join lateral (
      (select d.id, d.webhook_subscription_id, d.subject_type, d.subject_id, d.position from events.webhook_deliveries d
       where d.tenant_id = p_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
         and d.subject_id = l.subject_id and d.next_attempt_at is not null order by d.position limit 1)
      union all
      (select d.id, d.webhook_subscription_id, d.subject_type, d.subject_id, d.position from events.webhook_deliveries d
       where d.tenant_id = p_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
         and d.subject_id is null and d.next_attempt_at is not null order by d.position limit 1)
      union all
      (select d.id, d.webhook_subscription_id, d.subject_type, d.subject_id, d.position from events.webhook_deliveries d
       where l.subject_id is null and d.tenant_id = p_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
         and d.subject_id is not null and d.next_attempt_at is not null and d.is_blocked and d.position < coalesce((
           select min(b.position) from events.webhook_deliveries b
           where b.tenant_id = p_tenant_id and b.webhook_subscription_id = l.subscription_id and b.subject_type = l.subject_type
             and b.subject_id is null and b.next_attempt_at is not null), 9223372036854775807))
    ) f
  )
  update events.webhook_deliveries d set is_blocked = false
  from next n
  where d.tenant_id = p_tenant_id and d.id = n.id and d.is_blocked
    and not exists (
      select from events.webhook_deliveries e
      where e.tenant_id = p_tenant_id and e.webhook_subscription_id = n.webhook_subscription_id and e.subject_type = n.subject_type
        and e.subject_id is null and e.position < n.position and e.next_attempt_at is not null)
    and not exists (
      select from events.webhook_deliveries e
      where e.tenant_id = p_tenant_id and e.webhook_subscription_id = n.webhook_subscription_id and e.subject_type = n.subject_type
        and e.subject_id = n.subject_id and e.position < n.position and e.next_attempt_at is not null)
    and (n.subject_id is not null or not exists (
      select from events.webhook_deliveries e
      where e.tenant_id = p_tenant_id and e.webhook_subscription_id = n.webhook_subscription_id and e.subject_type = n.subject_type
        and e.position < n.position and e.next_attempt_at is not null));
end;
comment on function private.unblock_webhook_deliveries(uuid, jsonb) is
  'Lets deliveries go whose earlier ones are over, in lanes of {subscription_id, subject_type, subject_id}. The caller holds the locks of the subscriptions.';
revoke all on function private.unblock_webhook_deliveries(uuid, jsonb) from public;

create or replace function private.add_webhook_deliveries(p_deliveries jsonb, p_is_replay boolean default false) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_tenant_id uuid := app.tenant_id();
  v_lanes jsonb;
  v_count integer;
begin
  perform from events.webhook_subscriptions s
  where s.tenant_id = v_tenant_id and s.id in (select (d ->> 'subscription_id')::uuid from jsonb_array_elements(p_deliveries) d)
  order by s.id for no key update;
  with given as (
    select * from jsonb_to_recordset(p_deliveries) g (
      subscription_id uuid, event_id uuid, event_type text, position bigint, subject_type text, subject_id uuid, payload jsonb)
  ), made as (
    insert into events.webhook_deliveries as d
      (tenant_id, webhook_subscription_id, event_id, event_type, position, subject_type, subject_id, payload, is_blocked)
    select v_tenant_id, g.subscription_id, g.event_id, g.event_type, g.position, g.subject_type, g.subject_id, g.payload, true
    from given g join events.webhook_subscriptions s on s.tenant_id = v_tenant_id and s.id = g.subscription_id and s.deleted_at is null
    order by g.position
    -- What is on its way already goes on; what is over goes once more where that is asked for, with what it said.
    on conflict (tenant_id, webhook_subscription_id, event_id) do update set status = 'pending', next_attempt_at = now(), is_blocked = true
      where p_is_replay and d.status in ('delivered', 'dead')
    returning d.webhook_subscription_id as subscription_id, d.subject_type, d.subject_id
  )
  select count(*), jsonb_agg(distinct to_jsonb(m)) into v_count, v_lanes from made m;
  if v_count = 0 then
    return 0;
  end if;
  if p_is_replay then
    -- What stands after them waits for them.
    update events.webhook_deliveries d set is_blocked = true
    from (select distinct l.subscription_id, l.subject_type from jsonb_to_recordset(v_lanes) l (subscription_id uuid, subject_type text)) l
    where d.tenant_id = v_tenant_id and d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
      and d.status in ('pending', 'failed') and not d.is_blocked;
    select jsonb_agg(distinct jsonb_build_object('subscription_id', d.webhook_subscription_id, 'subject_type', d.subject_type, 'subject_id', d.subject_id))
    into v_lanes
    from events.webhook_deliveries d
    join (select distinct l.subscription_id, l.subject_type from jsonb_to_recordset(v_lanes) l (subscription_id uuid, subject_type text)) l
      on d.webhook_subscription_id = l.subscription_id and d.subject_type = l.subject_type
    where d.tenant_id = v_tenant_id and d.next_attempt_at is not null;
  end if;
  perform private.unblock_webhook_deliveries(v_tenant_id, v_lanes);
  perform pg_notify('rowhouse_webhooks', '');
  return v_count;
end
$$;
comment on function private.add_webhook_deliveries(jsonb, boolean) is
  'Makes deliveries of events of this tenant, each once per subscription. A replay also sends what is over once more, before what stands after it.';
revoke all on function private.add_webhook_deliveries(jsonb, boolean) from public;
grant execute on function private.add_webhook_deliveries(jsonb, boolean) to rowhouse_system;
