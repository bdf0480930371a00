-- The clock on the tenant's wall: where its days begin.
create or replace function app.time_zone() returns text
language sql stable parallel safe set search_path to pg_catalog
return coalesce((select time_zone from iam.tenants where id = app.tenant_id()), 'UTC');
comment on function app.time_zone() is 'The time zone of the tenant of this session.';
grant execute on function app.time_zone() to rowhouse_viewer, rowhouse_system;

create or replace function iam.guard_time_zone() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform timezone(new.time_zone, now());
  return new;
exception when invalid_parameter_value then
  perform app.raise('VALIDATION_FAILED', format('There is no time zone %L. Name one of the IANA database, such as Europe/Paris.', new.time_zone), 'timeZone');
end
$$;
comment on function iam.guard_time_zone() is 'Refuses a time zone that nobody knows: every day of the tenant begins by it.';
select ddl.trigger('iam.tenants', '_200_time_zone', 'before insert or update of time_zone for each row execute function iam.guard_time_zone()');
