create or replace function outreach.schedule_campaign(campaign_id uuid, scheduled_at timestamptz) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  if schedule_campaign.scheduled_at <= now() then
    perform app.raise('VALIDATION_FAILED', format('%s is past. A campaign is scheduled for a time to come.', schedule_campaign.scheduled_at), 'scheduledAt');
  end if;
  return outreach.move_campaign(campaign_id, 'scheduled', schedule_campaign.scheduled_at);
end
$$;
comment on function outreach.schedule_campaign(uuid, timestamptz) is 'Has a campaign start by itself at a time to come.';
grant execute on function outreach.schedule_campaign(uuid, timestamptz) to rowhouse_manager;
