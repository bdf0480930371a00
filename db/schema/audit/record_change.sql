set local role rowhouse_definer;
create or replace function private.changed_values(p_row jsonb, p_other jsonb, p_redacted text[], p_ignored text[]) returns jsonb
language sql immutable parallel safe
begin atomic
  -- What a secret was is left out, that it changed is not; nothing is still nothing.
  select jsonb_object_agg(v.key, case when v.key = any (p_redacted) and v.value <> 'null' then '"[redacted]"' else v.value end)
  from jsonb_each(p_row) v
  where v.key <> all (p_ignored) and v.value is distinct from coalesce(p_other -> v.key, 'null');
end;
comment on function private.changed_values(jsonb, jsonb, text[], text[]) is
  'The values of a row that differ from another one, without those that tell nothing, secrets redacted; null when there are none.';
revoke all on function private.changed_values(jsonb, jsonb, text[], text[]) from public;

create or replace function private.write_audit_logs(p_table text, p_scope text, p_redacted text[], p_ignored text[], p_old jsonb[], p_new jsonb[]) returns void
language plpgsql security definer set search_path to pg_catalog as $$
begin
  insert into audit.audit_logs (tenant_id, action, entity_type, entity_id, old_values, new_values, actor_id, user_id, ip_address, request_id)
  select t.id, case
      when o is null then 'create' when n is null then 'delete'
      when n ->> 'deleted_at' is not null and o ->> 'deleted_at' is null then 'delete'
      when n ->> 'deleted_at' is null and o ->> 'deleted_at' is not null then 'restore' else 'update' end,
    p_table, (coalesce(n, o) ->> 'id')::uuid, c.old_values, c.new_values, app.actor_id(), app.user_id(),
    nullif(current_setting('rowhouse.ip', true), '')::inet, nullif(current_setting('rowhouse.request_id', true), '')
  from unnest(p_old, p_new) r (o, n)
  cross join lateral (select private.changed_values(o, n, p_redacted, p_ignored) as old_values, private.changed_values(n, o, p_redacted, p_ignored) as new_values) c
  -- A tenant and a user have no column that names the tenant: a user's change is told to each tenant they belong to.
  cross join lateral (
    select (coalesce(n, o) ->> p_scope)::uuid as id where p_scope <> 'membership'
    union all
    select m.tenant_id from iam.memberships m
    where p_scope = 'membership' and m.user_id = (coalesce(n, o) ->> 'id')::uuid and m.deleted_at is null
  ) t
  where (c.old_values is not null or c.new_values is not null)
    -- The end of a whole tenant takes its log with it.
    and (n is not null or exists (select from iam.tenants k where k.id = t.id));
end
$$;
comment on function private.write_audit_logs(text, text, text[], text[], jsonb[], jsonb[]) is
  'Writes what changed between rows before and after. Crosses tenants: a user is one person in all of them, and set-up commands have no claims.';
grant execute on function private.write_audit_logs(text, text, text[], text[], jsonb[], jsonb[]) to rowhouse_owner;
revoke all on function private.write_audit_logs(text, text, text[], text[], jsonb[], jsonb[]) from public;
set local role rowhouse_owner;

create or replace function audit.record_change() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_old jsonb[];
  v_new jsonb[];
  v_ignored text[] := array['tenant_id', 'created_at', 'updated_at'] || tg_argv[2]::text[];
begin
  if tg_op = 'INSERT' then
    select array_agg(to_jsonb(n)) into v_new from new_rows n;
  elsif tg_op = 'DELETE' then
    select array_agg(to_jsonb(o)) into v_old from old_rows o;
  else
    -- Rows that stayed as they were are not looked at further.
    select array_agg(p.o), array_agg(p.n) into v_old, v_new
    from (select to_jsonb(o) as o, to_jsonb(n) as n from old_rows o join new_rows n on n.id = o.id) p
    where p.o - v_ignored <> p.n - v_ignored;
  end if;
  if v_old is not null or v_new is not null then
    perform private.write_audit_logs(tg_table_name, tg_argv[0], tg_argv[1]::text[], v_ignored, v_old, v_new);
  end if;
  return null;
end
$$;
comment on function audit.record_change() is 'Writes what a statement changed to the audit log, set-wise.';
