create or replace function outreach.cancel_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  return outreach.move_campaign(campaign_id, 'cancelled');
end
$$;
comment on function outreach.cancel_campaign(uuid) is 'Stops a campaign for good. What was sent is sent.';
grant execute on function outreach.cancel_campaign(uuid) to rowhouse_manager;
