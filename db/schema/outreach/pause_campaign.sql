create or replace function outreach.pause_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  return outreach.move_campaign(campaign_id, 'paused');
end
$$;
comment on function outreach.pause_campaign(uuid) is 'Stops a running campaign, so that it can go on later.';
grant execute on function outreach.pause_campaign(uuid) to rowhouse_manager;
