create or replace function outreach.unschedule_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform app.require_scope('outreach:write');
  return outreach.move_campaign(campaign_id, 'draft');
end
$$;
comment on function outreach.unschedule_campaign(uuid) is 'Takes a scheduled campaign back to a draft.';
grant execute on function outreach.unschedule_campaign(uuid) to rowhouse_manager;
