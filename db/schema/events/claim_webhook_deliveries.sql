grant select, update (updated_at) on events.webhook_subscriptions to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.claim_webhook_deliveries(p_limit integer, p_per_subscription integer, p_per_tenant integer, p_lease interval)
returns table (
  tenant_id uuid, id uuid, subscription_id uuid, url text, event_id uuid, body text, attempt integer, lease text, waited double precision,
  sealed_secret bytea, previous_sealed_secret bytea
)
language plpgsql security definer set search_path to pg_catalog
set enable_seqscan to off set enable_bitmapscan to off set enable_hashjoin to off set enable_mergejoin to off as $$
#variable_conflict use_column
declare
  v_tenant_ids uuid[];
  v_ids uuid[];
begin
  -- One worker at a time hands out what a subscription has, so that no limit is exceeded; others need not wait for it.
  select array_agg(l.tenant_id), array_agg(l.id) into v_tenant_ids, v_ids
  from (
    select s.tenant_id, s.id from events.webhook_subscriptions s
    where s.status = 'active' and s.deleted_at is null
      and exists (select from events.webhook_deliveries d
        where d.tenant_id = s.tenant_id and d.webhook_subscription_id = s.id and not d.is_blocked and d.next_attempt_at <= clock_timestamp())
    for no key update of s skip locked
  ) l;
  if v_ids is null then
    return;
  end if;
  return query
  with busy as (
    select d.tenant_id, d.webhook_subscription_id, count(*) as count from events.webhook_deliveries d
    where d.tenant_id = any (v_tenant_ids) and d.status = 'delivering' and d.next_attempt_at > clock_timestamp() group by 1, 2
  ), ready as (
    -- The first of each subscription come before the second of any, and the first of each tenant before its second.
    select s.tenant_id, r.id, r.next_attempt_at, row_number() over (partition by s.tenant_id order by r.rank, r.next_attempt_at)
      + coalesce((select sum(b.count) from busy b where b.tenant_id = s.tenant_id), 0) as rank
    from unnest(v_tenant_ids, v_ids) s (tenant_id, id)
    cross join lateral (
      select d.id, d.next_attempt_at, row_number() over (order by d.next_attempt_at, d.position) as rank
      from events.webhook_deliveries d
      where d.tenant_id = s.tenant_id and d.webhook_subscription_id = s.id and not d.is_blocked and d.next_attempt_at <= clock_timestamp()
      order by d.next_attempt_at, d.position
      limit greatest(p_per_subscription - coalesce((select b.count from busy b where b.tenant_id = s.tenant_id and b.webhook_subscription_id = s.id), 0), 0)
    ) r
  ), picked as (
    select r.tenant_id, r.id from ready r where r.rank <= p_per_tenant order by r.rank, r.next_attempt_at limit p_limit
  ), claimed as (
    update events.webhook_deliveries d
    -- One that its worker never settled is taken again, which counts as an attempt, too.
    set status = 'delivering', attempt_count = d.attempt_count + (d.status = 'delivering')::integer, next_attempt_at = clock_timestamp() + p_lease
    from picked p
    where d.tenant_id = p.tenant_id and d.id = p.id and d.next_attempt_at <= clock_timestamp()
    returning d.tenant_id, d.id, d.webhook_subscription_id, d.event_id, d.payload, d.attempt_count, d.next_attempt_at,
      extract(epoch from clock_timestamp() - coalesce(d.replayed_at, d.created_at))::double precision as waited
  )
  select c.tenant_id, c.id, c.webhook_subscription_id, s.url, c.event_id, c.payload::text, c.attempt_count, c.next_attempt_at::text, c.waited,
    k.sealed_secret, case when k.previous_expires_at > now() then k.previous_sealed_secret end
  from claimed c
  join events.webhook_subscriptions s on s.tenant_id = c.tenant_id and s.id = c.webhook_subscription_id
  left join private.webhook_subscription_secrets k on k.tenant_id = c.tenant_id and k.webhook_subscription_id = c.webhook_subscription_id;
end
$$;
comment on function private.claim_webhook_deliveries(integer, integer, integer, interval) is
  'Hands deliveries that are due to a worker, until the lease ends: fair between tenants, a limited number at a time for each subscription and tenant. Crosses tenants: one worker delivers for all of them.';
grant execute on function private.claim_webhook_deliveries(integer, integer, integer, interval) to rowhouse_worker;
revoke all on function private.claim_webhook_deliveries(integer, integer, integer, interval) from public;

create or replace function private.webhook_tenants() returns table (tenant_id uuid, since timestamptz)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select s.tenant_id, min(s.active_since) from events.webhook_subscriptions s where s.status = 'active' and s.deleted_at is null group by 1;
end;
comment on function private.webhook_tenants() is 'The tenants with an active outgoing webhook, and since when. Crosses tenants: one worker follows the feeds of all of them.';
grant execute on function private.webhook_tenants() to rowhouse_worker;
revoke all on function private.webhook_tenants() from public;
set local role rowhouse_owner;
