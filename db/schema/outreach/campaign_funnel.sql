create or replace view outreach.campaign_funnel with (security_invoker = true) as
select s.tenant_id, s.campaign_id, s.recipient_count, s.skipped_count, s.sent_count, s.failed_count, s.delivered_count, s.bounced_count,
  s.opened_count, s.clicked_count, s.replied_count, s.unsubscribed_count,
  s.delivered_count::float8 / nullif(s.sent_count, 0) as delivered_share,
  s.opened_count::float8 / nullif(s.delivered_count, 0) as opened_share,
  s.clicked_count::float8 / nullif(s.delivered_count, 0) as clicked_share,
  s.replied_count::float8 / nullif(s.delivered_count, 0) as replied_share,
  s.bounced_count::float8 / nullif(s.sent_count, 0) as bounced_share,
  s.unsubscribed_count::float8 / nullif(s.delivered_count, 0) as unsubscribed_share
from outreach.campaign_stats s
join outreach.campaigns c on c.tenant_id = s.tenant_id and c.id = s.campaign_id and c.deleted_at is null
where s.variant_id is null;
comment on view outreach.campaign_funnel is
  E'@behavior -type:node -query:resource:single\n@primaryKey tenant_id,campaign_id\n@foreignKey (tenant_id, campaign_id) references outreach.campaigns (tenant_id, id)|@fieldName campaign|@foreignFieldName funnel\nHow many recipients of a campaign got how far.';
comment on column outreach.campaign_funnel.recipient_count is E'@notNull\nRecipients.';
comment on column outreach.campaign_funnel.skipped_count is E'@notNull\nRecipients whom nothing was sent to, for a reason.';
comment on column outreach.campaign_funnel.sent_count is E'@notNull\nRecipients whom the message was sent to.';
comment on column outreach.campaign_funnel.failed_count is E'@notNull\nRecipients whom it could not be sent to.';
comment on column outreach.campaign_funnel.delivered_count is E'@notNull\nRecipients whom it reached.';
comment on column outreach.campaign_funnel.bounced_count is E'@notNull\nRecipients from whose address it came back.';
comment on column outreach.campaign_funnel.opened_count is E'@notNull\nRecipients who opened it.';
comment on column outreach.campaign_funnel.clicked_count is E'@notNull\nRecipients who followed a link.';
comment on column outreach.campaign_funnel.replied_count is E'@notNull\nRecipients who answered.';
comment on column outreach.campaign_funnel.unsubscribed_count is E'@notNull\nRecipients who want no more of it.';
comment on column outreach.campaign_funnel.delivered_share is 'Share of those sent that were delivered, from 0 to 1.';
comment on column outreach.campaign_funnel.opened_share is 'Share of those delivered that were opened, from 0 to 1.';
comment on column outreach.campaign_funnel.clicked_share is 'Share of those delivered in which a link was followed, from 0 to 1.';
comment on column outreach.campaign_funnel.replied_share is 'Share of those delivered that were answered, from 0 to 1.';
comment on column outreach.campaign_funnel.bounced_share is 'Share of those sent that came back, from 0 to 1.';
comment on column outreach.campaign_funnel.unsubscribed_share is 'Share of those delivered whose recipient unsubscribed, from 0 to 1.';
grant select on outreach.campaign_funnel to rowhouse_viewer, rowhouse_system;
