create or replace function app.uuid_at(p_at timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;
comment on function app.uuid_at(timestamptz) is
  'Least uuid of a millisecond: version 7 uuids made from then on are not below it. Compares ids with times, and cuts tables into months.';
grant execute on function app.uuid_at(timestamptz) to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
