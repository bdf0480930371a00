-- What may be added to a campaign, and when.
create or replace function outreach.guard_campaign_variant() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.campaign_id, c.name, c.channel, c.status, t.name as template, t.channel as template_channel into v_found
  from new_rows n
  join outreach.campaigns c on c.tenant_id = n.tenant_id and c.id = n.campaign_id
  join outreach.templates t on t.tenant_id = n.tenant_id and t.id = n.template_id
  where t.channel <> c.channel limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and campaign "%s" goes by %s.', v_found.template, v_found.template_channel,
      v_found.name, v_found.channel), 'templateId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_campaign_variant() is 'Sees that variants go by the channel of their campaign.';
select ddl.trigger('outreach.campaign_variants', '_200_channel_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_campaign_variant()');
select ddl.trigger('outreach.campaign_variants', '_200_channel_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_campaign_variant()');

create or replace function outreach.guard_campaign_recipient() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_found record;
begin
  select n.id, v.label, c.name into v_found
  from new_rows n
  join outreach.campaign_variants v on v.tenant_id = n.tenant_id and v.id = n.variant_id
  join outreach.campaigns c on c.tenant_id = n.tenant_id and c.id = n.campaign_id
  where v.campaign_id <> n.campaign_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED', format('Variant "%s" is not one of campaign "%s".', v_found.label, v_found.name), 'variantId');
  end if;
  select n.id, n.status into v_found from new_rows n where n.deleted_at is not null and (n.sent_at is not null or n.queued_at is not null) limit 1;
  if found then
    perform app.raise('INVALID_STATE', format('Recipient %s is %s already and stays in the campaign.', v_found.id, v_found.status), 'deletedAt');
  end if;
  if tg_op = 'INSERT' then
    select c.name, c.status into v_found
    from (select distinct tenant_id, campaign_id from new_rows) n join outreach.campaigns c on c.tenant_id = n.tenant_id and c.id = n.campaign_id
    where c.status in ('completed', 'cancelled') limit 1;
    if found then
      perform app.raise('INVALID_STATE', format('Campaign "%s" is %s and takes no more recipients.', v_found.name, v_found.status), 'campaignId');
    end if;
  end if;
  return null;
end
$$;
comment on function outreach.guard_campaign_recipient() is 'Sees that recipients get variants of their campaign, come in while it is open, and stay once they were written to.';
select ddl.trigger('outreach.campaign_recipients', '_200_recipient_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_campaign_recipient()');
select ddl.trigger('outreach.campaign_recipients', '_200_recipient_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_campaign_recipient()');
