create or replace function outreach.recount_campaign_stats() returns integer
language plpgsql set search_path to pg_catalog as $$
declare
  v_corrected integer;
begin
  with counted as (
    select tenant_id, campaign_id, variant_id, count(*) as recipients, count(sent_at) as sent, count(delivered_at) as delivered, count(opened_at) as opened,
      count(clicked_at) as clicked, count(replied_at) as replied, count(bounced_at) as bounced, count(unsubscribed_at) as unsubscribed,
      count(failed_at) as failed, count(skipped_at) as skipped
    from outreach.campaign_recipients where tenant_id = app.tenant_id() and deleted_at is null
    group by grouping sets ((tenant_id, campaign_id), (tenant_id, campaign_id, variant_id))
    having grouping(variant_id) = 1 or variant_id is not null
  ), wanted as (
    select s.tenant_id, s.id, coalesce(c.recipients, 0) as recipients, coalesce(c.sent, 0) as sent, coalesce(c.delivered, 0) as delivered,
      coalesce(c.opened, 0) as opened, coalesce(c.clicked, 0) as clicked, coalesce(c.replied, 0) as replied, coalesce(c.bounced, 0) as bounced,
      coalesce(c.unsubscribed, 0) as unsubscribed, coalesce(c.failed, 0) as failed, coalesce(c.skipped, 0) as skipped
    from outreach.campaign_stats s
    left join counted c on c.tenant_id = s.tenant_id and c.campaign_id = s.campaign_id and c.variant_id is not distinct from s.variant_id
    where s.tenant_id = app.tenant_id()
  )
  update outreach.campaign_stats s set recipient_count = w.recipients, sent_count = w.sent, delivered_count = w.delivered, opened_count = w.opened,
    clicked_count = w.clicked, replied_count = w.replied, bounced_count = w.bounced, unsubscribed_count = w.unsubscribed,
    failed_count = w.failed, skipped_count = w.skipped
  from wanted w
  where s.tenant_id = w.tenant_id and s.id = w.id
    and (s.recipient_count, s.sent_count, s.delivered_count, s.opened_count, s.clicked_count, s.replied_count, s.bounced_count,
      s.unsubscribed_count, s.failed_count, s.skipped_count)
      <> (w.recipients, w.sent, w.delivered, w.opened, w.clicked, w.replied, w.bounced, w.unsubscribed, w.failed, w.skipped);
  get diagnostics v_corrected = row_count;
  return v_corrected;
end
$$;
comment on function outreach.recount_campaign_stats() is
  'Counts the recipients of all campaigns of the tenant anew and corrects the figures that differ; returns how many rows did. Nothing else may write recipients meanwhile.';
grant execute on function outreach.recount_campaign_stats() to rowhouse_system;
