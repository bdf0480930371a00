-- The way of a campaign, and what it needs for each step.
select ddl.state_machine('outreach.campaigns', 'status', '{
  "draft": ["scheduled", "running", "cancelled"], "scheduled": ["draft", "running", "cancelled"], "running": ["paused", "completed", "cancelled"],
  "paused": ["running", "completed", "cancelled"], "completed": [], "cancelled": []}', '{draft}');

create or replace function outreach.guard_campaign() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_template record;
begin
  if new.template_id is not null and (tg_op = 'INSERT' or new.template_id is distinct from old.template_id) then
    select t.name, t.channel into v_template from outreach.templates t where t.tenant_id = new.tenant_id and t.id = new.template_id;
    if v_template.channel <> new.channel then
      perform app.raise('VALIDATION_FAILED', format('Template "%s" is for %s, and campaign "%s" goes by %s.', v_template.name, v_template.channel, new.name, new.channel),
        'templateId');
    end if;
  end if;
  if tg_op = 'INSERT' then
    return new;
  end if;
  if new.template_id is distinct from old.template_id and old.status not in ('draft', 'scheduled') then
    perform app.raise('INVALID_STATE', format('Campaign "%s" is %s, and its template stays what it is.', old.name, old.status), 'templateId');
  end if;
  if new.deleted_at is not null and old.deleted_at is null and old.status in ('scheduled', 'running', 'paused') then
    perform app.raise('INVALID_STATE', format('Campaign "%s" is %s. Cancel it before you delete it.', old.name, old.status), 'deletedAt');
  end if;
  if new.status = old.status then
    if new.status = 'scheduled' and new.scheduled_at is null then
      perform app.raise('INVALID_STATE', format('Campaign "%s" is scheduled and needs a time. Take it back to a draft first.', old.name), 'scheduledAt');
    end if;
    return new;
  end if;
  if new.status = 'scheduled' and new.scheduled_at is null then
    perform app.raise('VALIDATION_FAILED', format('Campaign "%s" has no time at which it starts.', new.name), 'scheduledAt');
  end if;
  if new.status in ('scheduled', 'running') and old.status in ('draft', 'scheduled') then
    perform outreach.require_sendable_campaign(new);
  end if;
  new.started_at := case when new.status = 'running' then coalesce(new.started_at, now()) else new.started_at end;
  new.paused_at := case when new.status = 'paused' then now() when new.status = 'running' then null else new.paused_at end;
  new.completed_at := case when new.status = 'completed' then now() end;
  new.cancelled_at := case when new.status = 'cancelled' then now() end;
  return new;
end
$$;
comment on function outreach.guard_campaign() is 'Sees that a campaign has what a step of it needs, and notes when the step was taken.';

create or replace function outreach.require_sendable_campaign(p_campaign outreach.campaigns) returns void
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_unfit record;
begin
  -- Variants, where there are any, are sent instead of the template.
  select t.name, t.archived_at, t.deleted_at, t.current_version_id into v_unfit
  from (
    select v.template_id from outreach.campaign_variants v where v.tenant_id = p_campaign.tenant_id and v.campaign_id = p_campaign.id and v.deleted_at is null
    union all
    select p_campaign.template_id where not exists (select from outreach.campaign_variants v
      where v.tenant_id = p_campaign.tenant_id and v.campaign_id = p_campaign.id and v.deleted_at is null)
  ) s left join outreach.templates t on t.tenant_id = p_campaign.tenant_id and t.id = s.template_id
  where t.status is distinct from 'active' or t.deleted_at is not null
  limit 1;
  if found then
    perform app.raise('INVALID_STATE', case
      when v_unfit.name is null then format('Campaign "%s" has nothing to send. Give it a template, or variants.', p_campaign.name)
      when v_unfit.deleted_at is not null then format('Template "%s" of campaign "%s" is deleted. Restore it, or choose another one.', v_unfit.name, p_campaign.name)
      when v_unfit.archived_at is not null then format('Template "%s" of campaign "%s" is archived. Unarchive it, or choose another one.', v_unfit.name, p_campaign.name)
      else format('Template "%s" of campaign "%s" was never published. Publish it first.', v_unfit.name, p_campaign.name) end, 'templateId');
  end if;
end
$$;
comment on function outreach.require_sendable_campaign(outreach.campaigns) is 'Raises INVALID_STATE where a campaign has nothing to send, or something that cannot be sent.';
select ddl.trigger('outreach.campaigns', '_300_campaign', $$before insert or update of template_id, status, scheduled_at, deleted_at
  for each row execute function outreach.guard_campaign()$$);
