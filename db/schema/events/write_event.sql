set local role rowhouse_definer;
create or replace function private.write_event(
  p_tenant_id uuid, p_type text, p_subject_type text, p_keys uuid[], p_row_count bigint, p_payload jsonb default '{}', p_changed_fields text[] default '{}'
) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  -- An actor is somebody within one tenant.
  v_actor_id uuid := case when p_tenant_id = app.tenant_id_or_null() then app.actor_id() end;
  v_is_deleted boolean := p_type like '%.deleted';
begin
  -- The end of a whole tenant takes its feed with it.
  if v_is_deleted and not exists (select from iam.tenants t where t.id = p_tenant_id) then
    return;
  end if;
  if p_row_count <= 1000 or not v_is_deleted then
    insert into events.events (tenant_id, type, subject_type, subject_id, keys, row_count, payload, changed_fields, actor_id)
    values (p_tenant_id, p_type, p_subject_type, case when p_row_count = 1 then p_keys[1] end, case when p_row_count <= 1000 then p_keys else '{}' end,
      p_row_count, p_payload, p_changed_fields, v_actor_id);
  else
    -- Rows that are gone cannot be found by their time: each is named.
    insert into events.events (tenant_id, type, subject_type, keys, row_count, payload, changed_fields, actor_id)
    select p_tenant_id, p_type, p_subject_type, p_keys[n:n + 999], cardinality(p_keys[n:n + 999]), p_payload, p_changed_fields, v_actor_id
    from generate_series(1, p_row_count, 1000) n;
  end if;
end
$$;
comment on function private.write_event(uuid, text, text, uuid[], bigint, jsonb, text[]) is
  'Writes an event, or several for the deletion of more than a thousand rows. Crosses tenants: set-up commands have no claims.';
revoke all on function private.write_event(uuid, text, text, uuid[], bigint, jsonb, text[]) from public;
grant execute on function private.write_event(uuid, text, text, uuid[], bigint, jsonb, text[]) to rowhouse_owner;
set local role rowhouse_owner;
