create or replace function outreach.resume_campaign(campaign_id uuid) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_campaign outreach.campaigns;
begin
  perform app.require_scope('outreach:write');
  select * into v_campaign from outreach.campaigns c
  where c.tenant_id = app.tenant_id() and c.id = resume_campaign.campaign_id and c.deleted_at is null for update;
  -- A draft can become running, too, but by being launched.
  if v_campaign.status <> 'paused' then
    perform app.raise('INVALID_STATE', format('Campaign "%s" is %s, not paused: there is nothing to resume.', v_campaign.name, v_campaign.status), 'campaignId');
  end if;
  return outreach.move_campaign(campaign_id, 'running');
end
$$;
comment on function outreach.resume_campaign(uuid) is 'Lets a paused campaign go on.';
grant execute on function outreach.resume_campaign(uuid) to rowhouse_manager;
