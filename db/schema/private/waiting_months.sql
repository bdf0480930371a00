set local role rowhouse_definer;
create or replace function private.waiting_months(p_default regclass) returns setof date
language plpgsql stable security definer set search_path to pg_catalog as $$
begin
  -- The month is in the first 48 bits of the id, milliseconds since 1970: they decide about its partition, whatever the version.
  return query execute format(
    $sql$select distinct date_trunc('month', to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
      at time zone 'UTC')::date from %s order by 1$sql$, p_default);
end
$$;
comment on function private.waiting_months(regclass) is 'Months of the rows in a default partition. Crosses tenants: a partition holds the rows of all of them.';
grant execute on function private.waiting_months(regclass) to rowhouse_owner;
revoke all on function private.waiting_months(regclass) from public;
set local role rowhouse_owner;
