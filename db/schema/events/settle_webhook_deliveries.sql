create or replace function private.settle_webhook_deliveries(p_results jsonb, p_disable_days integer, p_disable_deaths integer)
returns table (delivery_id uuid, status text, is_disabled boolean)
language plpgsql security definer set search_path to pg_catalog
set enable_seqscan to off set enable_bitmapscan to off set enable_hashjoin to off set enable_mergejoin to off as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := app.tenant_id();
  v_settled jsonb;
  v_disabled uuid[];
begin
  perform from events.webhook_subscriptions s
  where s.tenant_id = v_tenant_id and s.id in (select (r ->> 'subscription_id')::uuid from jsonb_array_elements(p_results) r)
  order by s.id for no key update;
  with results as (
    select * from jsonb_to_recordset(p_results) r (
      id uuid, subscription_id uuid, lease timestamptz, outcome text, response_status integer, response_body text,
      error_code text, error_message text, retry_seconds double precision)
  ), settled as (
    -- Only what is still held: a lease that ended has gone to somebody else.
    update events.webhook_deliveries d
    set status = case r.outcome when 'gone' then 'dead' else r.outcome end, response_status = r.response_status, response_body = r.response_body,
      error_code = r.error_code, error_message = r.error_message, delivered_at = case when r.outcome = 'delivered' then clock_timestamp() end,
      next_attempt_at = case when r.outcome = 'failed' then clock_timestamp() + make_interval(secs => r.retry_seconds) end
    from results r
    where d.tenant_id = v_tenant_id and d.id = r.id and d.status = 'delivering' and d.next_attempt_at = r.lease
    returning d.id, d.webhook_subscription_id as subscription_id, d.subject_type, d.subject_id, r.outcome
  )
  select coalesce(jsonb_agg(to_jsonb(s)), '[]') into v_settled from settled s;
  perform private.unblock_webhook_deliveries(v_tenant_id,
    (select coalesce(jsonb_agg(s), '[]') from jsonb_array_elements(v_settled) s where s ->> 'outcome' <> 'failed'));

  with heard as (
    select s.subscription_id, bool_or(s.outcome = 'delivered') as has_delivered, count(*) filter (where s.outcome = 'dead') as deaths, bool_or(s.outcome = 'gone') as is_gone
    from jsonb_to_recordset(v_settled) s (subscription_id uuid, outcome text) group by 1
  )
  update events.webhook_subscriptions s
  set failure_count = case when h.has_delivered then 0 else s.failure_count + h.deaths end,
    failing_since = case when not h.has_delivered then coalesce(s.failing_since, clock_timestamp()) end
  from heard h
  where s.tenant_id = v_tenant_id and s.id = h.subscription_id
    and case when h.has_delivered then s.failure_count > 0 or s.failing_since is not null else h.deaths > 0 or s.failing_since is null end;
  with ended as (
    update events.webhook_subscriptions s
    set status = 'disabled', disabled_reason = case when h.is_gone then 'gone' else 'failing' end
    from (select x.subscription_id, bool_or(x.outcome = 'gone') as is_gone from jsonb_to_recordset(v_settled) x (subscription_id uuid, outcome text) group by 1) h
    where s.tenant_id = v_tenant_id and s.id = h.subscription_id and s.status = 'active'
      and (h.is_gone or s.failure_count >= p_disable_deaths or s.failing_since < clock_timestamp() - make_interval(days => p_disable_days))
    returning s.id
  )
  select array_agg(e.id) into v_disabled from ended e;
  perform private.tell_webhook_disabled(v_tenant_id, s.id),
    private.write_event(v_tenant_id, 'webhook_subscription.disabled', 'webhook_subscriptions', array[s.id], 1, jsonb_build_object('disabled_reason', s.disabled_reason))
  from events.webhook_subscriptions s where s.tenant_id = v_tenant_id and s.id = any (v_disabled);
  return query select s.id, case s.outcome when 'gone' then 'dead' else s.outcome end, coalesce(s.subscription_id = any (v_disabled), false)
  from jsonb_to_recordset(v_settled) s (id uuid, subscription_id uuid, outcome text);
end
$$;
comment on function private.settle_webhook_deliveries(jsonb, integer, integer) is
  'Writes how attempts at deliveries of this tenant ended, lets those go that waited for them, and disables a subscription whose receiver is gone or has failed too long. What somebody else has taken over meanwhile is left alone.';
revoke all on function private.settle_webhook_deliveries(jsonb, integer, integer) from public;
grant execute on function private.settle_webhook_deliveries(jsonb, integer, integer) to rowhouse_system;
