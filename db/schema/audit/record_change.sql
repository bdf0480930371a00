set local role rowhouse_definer;
create or replace function private.write_audit_logs(
  p_table text, p_scope text, p_redacted text[], p_ignored text[], p_entity text, p_old jsonb[], p_new jsonb[]
) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  -- A header may say anything; what is no address must not undo the change itself.
  v_ip text := nullif(current_setting('rowhouse.ip', true), '');
  v_ip_address inet := case when pg_input_is_valid(v_ip, 'inet') then v_ip::inet end;
begin
  insert into audit.audit_logs (tenant_id, action, entity_type, entity_id, old_values, new_values, actor_id, user_id, ip_address, request_id)
  select t.id, case
      when o is null then 'create' when n is null then 'delete'
      when n ->> 'deleted_at' is not null and o ->> 'deleted_at' is null then 'delete'
      when n ->> 'deleted_at' is null and o ->> 'deleted_at' is not null then 'restore' else 'update' end,
    p_table, r.entity_id, c.old_values, c.new_values,
    -- An actor is somebody within one tenant; to others, the user says who it was.
    case when t.id = coalesce(app.tenant_id_or_null(), t.id) then app.actor_id() end, app.user_id(), v_ip_address,
    nullif(current_setting('rowhouse.request_id', true), '')
  from (select o, n, (coalesce(n, o) ->> p_entity)::uuid as entity_id from unnest(p_old, p_new) u (o, n)) r
  -- What a secret was is left out, that it changed is not; nothing is still nothing.
  cross join lateral (
    select
      jsonb_object_agg(v.key, case when v.is_secret and v.was <> 'null' then '"[redacted]"' else v.was end) filter (where v.was is not null) as old_values,
      jsonb_object_agg(v.key, case when v.is_secret and v.is_now <> 'null' then '"[redacted]"' else v.is_now end) filter (where v.is_now is not null) as new_values
    from (
      select k as key, k = any (p_redacted) as is_secret,
        case when o is not null then coalesce(o -> k, 'null') end as was, case when n is not null then coalesce(n -> k, 'null') end as is_now
      from jsonb_object_keys(coalesce(n, o)) k where k <> all (p_ignored)
    ) v
    where coalesce(v.was, 'null') <> coalesce(v.is_now, 'null')
  ) c
  -- A user has no column that names the tenant: a change is told to each tenant they belong to; to the one in which it
  -- is made when there is none.
  cross join lateral (
    select (coalesce(n, o) ->> p_scope)::uuid as id where p_scope <> 'membership'
    union all
    select m.tenant_id from iam.memberships m where p_scope = 'membership' and m.user_id = r.entity_id and m.deleted_at is null
    union all
    select app.tenant_id_or_null() where p_scope = 'membership' and app.tenant_id_or_null() is not null
      and not exists (select from iam.memberships m where m.user_id = r.entity_id and m.deleted_at is null)
  ) t
  where (c.old_values is not null or c.new_values is not null)
    -- The end of a whole tenant takes its log with it.
    and (n is not null or exists (select from iam.tenants k where k.id = t.id));
end
$$;
comment on function private.write_audit_logs(text, text, text[], text[], text, jsonb[], jsonb[]) is
  'Writes what changed between rows before and after. Crosses tenants: a user is one person in all of them, and set-up commands have no claims.';
grant execute on function private.write_audit_logs(text, text, text[], text[], text, jsonb[], jsonb[]) to rowhouse_owner;
revoke all on function private.write_audit_logs(text, text, text[], text[], text, jsonb[], jsonb[]) from public;
set local role rowhouse_owner;

create or replace function audit.record_change() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_old jsonb[];
  v_new jsonb[];
  v_ignored text[] := array['tenant_id', 'created_at', 'updated_at'] || tg_argv[2]::text[];
  v_entity text := tg_argv[3];
begin
  if tg_op = 'INSERT' then
    select array_agg(to_jsonb(n)) into v_new from new_rows n;
  elsif tg_op = 'DELETE' then
    select array_agg(to_jsonb(o)) into v_old from old_rows o;
  else
    -- Rows that stayed as they were are not looked at further. One whose key changed is one row less and one row more.
    select array_agg(o.row), array_agg(n.row) into v_old, v_new
    from (select to_jsonb(r) as row from old_rows r) o
    full join (select to_jsonb(r) as row from new_rows r) n
      on n.row ->> v_entity = o.row ->> v_entity and coalesce(n.row ->> 'tenant_id', '') = coalesce(o.row ->> 'tenant_id', '')
    where o.row - v_ignored is distinct from n.row - v_ignored;
  end if;
  if v_old is not null or v_new is not null then
    perform private.write_audit_logs(tg_table_name, tg_argv[0], tg_argv[1]::text[], v_ignored, v_entity, v_old, v_new);
  end if;
  return null;
end
$$;
comment on function audit.record_change() is 'Writes what a statement changed to the audit log, set-wise.';
