create or replace function iam.mask_contact_data(is_masked boolean, unmasks_per_hour integer default null) returns iam.tenants
language plpgsql set search_path to pg_catalog as $$
declare
  v_tenant iam.tenants;
begin
  update iam.tenants t
  set settings = t.settings || jsonb_strip_nulls(jsonb_build_object('maskContactDataForViewers', is_masked, 'unmasksPerHour', unmasks_per_hour))
  where t.id = app.tenant_id() returning * into v_tenant;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such tenant.');
  end if;
  return v_tenant;
end
$$;
comment on function iam.mask_contact_data(boolean, integer) is
  'Says whether viewers see e-mail addresses and phone numbers masked, and how many contacts each of them may unmask in an hour (20 unless told). In effect within a second; open sockets of viewers are closed.';
grant execute on function iam.mask_contact_data(boolean, integer) to rowhouse_admin;
