create or replace function crm.merge_companies(winner_id uuid, loser_id uuid, survivorship jsonb default '{}') returns crm.merges
language sql volatile security definer set search_path to pg_catalog
begin atomic
  select crm.merge_records('crm.companies', 'company', winner_id, loser_id, coalesce(survivorship, '{}'),
    '{"address": ["address_line1", "address_line2", "city", "state", "county", "postal_code", "country"],
      "annual_revenue": ["annual_revenue_minor", "currency"], "sic": ["sic_code", "sic_description"]}')
  where app.require_scope('crm:write');
end;
comment on function crm.merge_companies(uuid, uuid, jsonb) is E'@typeid company\n'
  'Merges one company, the loser, into another one, the winner: as mergeContacts does, with positions, leads, tasks and whatever else refers to it. '
  'What means something only together survives together: "address", "annualRevenue" with its currency, "sic" with its description.';
grant execute on function crm.merge_companies(uuid, uuid, jsonb) to rowhouse_manager;
