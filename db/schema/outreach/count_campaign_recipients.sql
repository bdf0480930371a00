create or replace function outreach.count_campaign_recipients() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  -- Each event sees only the transition tables that it has.
  v_changes constant text := case tg_op when 'INSERT' then 'select 1 as sign, n.* from new_rows n' when 'DELETE' then 'select -1 as sign, o.* from old_rows o'
    else 'select 1 as sign, n.* from new_rows n union all select -1, o.* from old_rows o' end;
begin
  execute format($sql$
    with changes as (
      select tenant_id, campaign_id, variant_id, sum(sign) as recipients,
        coalesce(sum(sign) filter (where sent_at is not null), 0) as sent,
        coalesce(sum(sign) filter (where delivered_at is not null), 0) as delivered,
        coalesce(sum(sign) filter (where opened_at is not null), 0) as opened,
        coalesce(sum(sign) filter (where clicked_at is not null), 0) as clicked,
        coalesce(sum(sign) filter (where replied_at is not null), 0) as replied,
        coalesce(sum(sign) filter (where bounced_at is not null), 0) as bounced,
        coalesce(sum(sign) filter (where unsubscribed_at is not null), 0) as unsubscribed,
        coalesce(sum(sign) filter (where failed_at is not null), 0) as failed,
        coalesce(sum(sign) filter (where skipped_at is not null), 0) as skipped
      from (%s) r where deleted_at is null
      group by grouping sets ((tenant_id, campaign_id), (tenant_id, campaign_id, variant_id))
      having grouping(variant_id) = 1 or variant_id is not null
    ), locked as materialized (
      -- In one order, so that two statements wait for each other instead of locking each other out.
      select s.id, c.* from outreach.campaign_stats s
      join changes c on c.tenant_id = s.tenant_id and c.campaign_id = s.campaign_id and c.variant_id is not distinct from s.variant_id
      where (recipients, sent, delivered, opened, clicked, replied, bounced, unsubscribed, failed, skipped) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
      order by s.id for no key update of s
    )
    update outreach.campaign_stats s set recipient_count = s.recipient_count + l.recipients, sent_count = s.sent_count + l.sent,
      delivered_count = s.delivered_count + l.delivered, opened_count = s.opened_count + l.opened, clicked_count = s.clicked_count + l.clicked,
      replied_count = s.replied_count + l.replied, bounced_count = s.bounced_count + l.bounced,
      unsubscribed_count = s.unsubscribed_count + l.unsubscribed, failed_count = s.failed_count + l.failed, skipped_count = s.skipped_count + l.skipped
    from locked l where s.tenant_id = l.tenant_id and s.id = l.id $sql$, v_changes);
  return null;
end
$$;
comment on function outreach.count_campaign_recipients() is 'Keeps the figures of campaigns, set-wise: one update per statement, whatever the number of recipients.';
select ddl.trigger('outreach.campaign_recipients', '_300_stats_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.count_campaign_recipients()');
select ddl.trigger('outreach.campaign_recipients', '_300_stats_on_update',
  'after update referencing old table as old_rows new table as new_rows for each statement execute function outreach.count_campaign_recipients()');
select ddl.trigger('outreach.campaign_recipients', '_300_stats_on_delete',
  'after delete referencing old table as old_rows for each statement execute function outreach.count_campaign_recipients()');
select ddl.recount('outreach.campaign_stats', '{campaign_id,variant_id}',
  '{recipient_count,sent_count,delivered_count,opened_count,clicked_count,replied_count,bounced_count,unsubscribed_count,failed_count,skipped_count}', $$
  select tenant_id, campaign_id, variant_id, count(*) as recipient_count, count(sent_at) as sent_count, count(delivered_at) as delivered_count,
    count(opened_at) as opened_count, count(clicked_at) as clicked_count, count(replied_at) as replied_count, count(bounced_at) as bounced_count,
    count(unsubscribed_at) as unsubscribed_count, count(failed_at) as failed_count, count(skipped_at) as skipped_count
  from outreach.campaign_recipients where deleted_at is null
  group by grouping sets ((tenant_id, campaign_id), (tenant_id, campaign_id, variant_id))
  having grouping(variant_id) = 1 or variant_id is not null$$);
