grant select on pipeline.automations to rowhouse_definer;
grant select, delete on pipeline.automation_runs to rowhouse_definer;
set local role rowhouse_definer;
create or replace function private.due_automations(p_now timestamptz, p_limit integer) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select a.tenant_id, a.id from pipeline.automations a
  where a.trigger_type = 'schedule' and a.is_enabled and a.deleted_at is null and (a.next_run_at is null or a.next_run_at <= p_now)
  order by a.next_run_at nulls first limit p_limit;
end;
comment on function private.due_automations(timestamptz, integer) is
  'Automations whose time has come, or whose next time is not known yet. Crosses tenants: one task looks at the clock for all of them.';

create or replace function private.automation_tenants() returns table (tenant_id uuid, since timestamptz)
language sql stable security definer set search_path to pg_catalog
begin atomic
  select a.tenant_id, min(a.armed_at) from pipeline.automations a
  where a.trigger_type in ('event', 'lead_created', 'message_received') and a.is_enabled and a.deleted_at is null
  group by a.tenant_id;
end;
comment on function private.automation_tenants() is 'Tenants with automations that wait for events of the feed, and since when. Crosses tenants: it says which feeds are to be read.';

create or replace function private.forget_automation_runs(p_limit integer) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  delete from pipeline.automation_runs r
  using (select o.tenant_id, o.id from iam.tenants t
    cross join lateral (
      (select x.tenant_id, x.id from pipeline.automation_runs x where x.tenant_id = t.id and x.status = 'skipped' and x.id < app.uuid_at(now() - interval '7 days') limit p_limit)
      union all
      (select x.tenant_id, x.id from pipeline.automation_runs x where x.tenant_id = t.id and x.status in ('succeeded', 'failed', 'refused')
        and x.id < app.uuid_at(now() - interval '90 days') limit p_limit)) o
    limit p_limit) old
  where (r.tenant_id, r.id) = (old.tenant_id, old.id);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.forget_automation_runs(integer) is 'Forgets firings that were skipped a week ago, or ended ninety days ago; returns how many. Crosses tenants: one task clears away for all of them.';
grant execute on function private.due_automations(timestamptz, integer), private.automation_tenants(), private.forget_automation_runs(integer) to rowhouse_worker;
revoke all on function private.due_automations(timestamptz, integer), private.automation_tenants(), private.forget_automation_runs(integer) from public;
set local role rowhouse_owner;
