set local role rowhouse_definer;
create or replace function private.create_tenant(p_name text, p_slug text) returns uuid
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_tenant_id uuid;
begin
  insert into iam.tenants (name, slug) values (p_name, p_slug) returning id into v_tenant_id;
  insert into iam.actors (tenant_id, kind, label) values (v_tenant_id, 'system', 'Rowhouse');
  return v_tenant_id;
end
$$;
comment on function private.create_tenant(text, text) is 'A new tenant with its system actor. For set-up commands: no API role may call it.';
revoke all on function private.create_tenant(text, text) from public;
set local role rowhouse_owner;
