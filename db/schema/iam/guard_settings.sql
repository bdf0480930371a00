-- Settings that the database itself goes by must mean something; what a client keeps for itself beside them is its own affair.
create or replace function iam.guard_settings() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  v_masked jsonb := new.settings -> 'maskContactDataForViewers';
  v_limit jsonb := new.settings -> 'unmasksPerHour';
begin
  if jsonb_typeof(v_masked) <> 'boolean' then
    perform app.raise('VALIDATION_FAILED', format('The setting maskContactDataForViewers is true or false, not %s.', left(v_masked::text, 60)), 'settings');
  end if;
  if v_limit is not null and not (v_limit::text ~ '^[0-9]{1,4}$' and v_limit::text::integer <= 1000) then
    perform app.raise('VALIDATION_FAILED', format('The setting unmasksPerHour is a whole number from 0 to 1000, not %s.', left(v_limit::text, 60)), 'settings');
  end if;
  return new;
end
$$;
comment on function iam.guard_settings() is 'Refuses settings of a tenant that mean nothing.';
select ddl.trigger('iam.tenants', '_200_settings', 'before insert or update of settings for each row execute function iam.guard_settings()');
