create or replace function outreach.move_campaign(p_campaign_id uuid, p_status outreach.campaign_status, p_scheduled_at timestamptz default null) returns outreach.campaigns
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_campaign outreach.campaigns;
begin
  update outreach.campaigns c set status = p_status, scheduled_at = coalesce(p_scheduled_at, c.scheduled_at)
  where c.tenant_id = app.tenant_id() and c.id = p_campaign_id and c.deleted_at is null
  returning * into v_campaign;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no campaign %s.', p_campaign_id), 'campaignId');
  end if;
  return v_campaign;
end
$$;
comment on function outreach.move_campaign(uuid, outreach.campaign_status, timestamptz) is
  'Takes a campaign a step on its way; what steps there are, and what each needs, its guards know.';
