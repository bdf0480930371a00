grant delete on events.webhook_deliveries to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.forget_webhook_deliveries(p_days integer, p_limit integer) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_before timestamptz := now() - make_interval(days => p_days);
  v_deliveries integer;
  v_rows integer;
begin
  delete from events.webhook_deliveries d using (
    select o.tenant_id, o.id from iam.tenants t cross join lateral (
      select x.tenant_id, x.id from events.webhook_deliveries x
      -- A replay may have made an old one new; what a deleted subscription left will not be sent.
      where x.tenant_id = t.id and x.id < app.uuid_at(v_before) and x.updated_at < v_before and (x.status in ('delivered', 'dead') or exists (
        select from events.webhook_subscriptions s where s.tenant_id = x.tenant_id and s.id = x.webhook_subscription_id and s.deleted_at < v_before))
      limit p_limit) o
    limit p_limit
  ) o where d.tenant_id = o.tenant_id and d.id = o.id;
  get diagnostics v_deliveries = row_count;
  delete from private.event_rows r using (
    select o.tenant_id, o.event_id from iam.tenants t cross join lateral (
      select x.tenant_id, x.event_id from private.event_rows x
      where x.tenant_id = t.id and x.event_id < app.uuid_at(v_before) limit p_limit) o
    limit p_limit
  ) o where r.tenant_id = o.tenant_id and r.event_id = o.event_id;
  get diagnostics v_rows = row_count;
  return greatest(v_deliveries, v_rows);
end
$$;
comment on function private.forget_webhook_deliveries(integer, integer) is
  'Deletes so many deliveries that were over so many days ago, and kept rows of events as old; how many. Crosses tenants: one maintenance task clears away for all of them.';
grant execute on function private.forget_webhook_deliveries(integer, integer) to rowhouse_worker;
revoke all on function private.forget_webhook_deliveries(integer, integer) from public;
set local role rowhouse_owner;
