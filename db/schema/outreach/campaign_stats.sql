-- The figures of a campaign and of each of its variants, kept by the statements that change its recipients.
create table if not exists outreach.campaign_stats (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  variant_id uuid,
  recipient_count bigint not null default 0 constraint campaign_stats_recipient_count_check check (recipient_count >= 0),
  sent_count bigint not null default 0 constraint campaign_stats_sent_count_check check (sent_count >= 0),
  delivered_count bigint not null default 0 constraint campaign_stats_delivered_count_check check (delivered_count >= 0),
  opened_count bigint not null default 0 constraint campaign_stats_opened_count_check check (opened_count >= 0),
  clicked_count bigint not null default 0 constraint campaign_stats_clicked_count_check check (clicked_count >= 0),
  replied_count bigint not null default 0 constraint campaign_stats_replied_count_check check (replied_count >= 0),
  bounced_count bigint not null default 0 constraint campaign_stats_bounced_count_check check (bounced_count >= 0),
  unsubscribed_count bigint not null default 0 constraint campaign_stats_unsubscribed_count_check check (unsubscribed_count >= 0),
  failed_count bigint not null default 0 constraint campaign_stats_failed_count_check check (failed_count >= 0),
  skipped_count bigint not null default 0 constraint campaign_stats_skipped_count_check check (skipped_count >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint campaign_stats_pkey primary key (tenant_id, id),
  constraint campaign_stats_variant_id_key unique (tenant_id, variant_id)
);
comment on table outreach.campaign_stats is E'@typeid cstat\nHow many recipients of a campaign, or of one of its variants, were sent the message, opened it, and so on. '
  'Each figure is the number of living recipients with that time: opened_count counts those with opened_at.';
comment on column outreach.campaign_stats.variant_id is 'The variant; none in the row that counts the whole campaign.';
comment on column outreach.campaign_stats.recipient_count is 'How many recipients there are.';
create unique index if not exists campaign_stats_campaign_id_variant_id_key
  on outreach.campaign_stats (tenant_id, campaign_id, variant_id) nulls not distinct;
select ddl.foreign_key('outreach.campaign_stats', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_stats', 'variant_id', 'outreach.campaign_variants', 'cascade', p_index => false);
comment on constraint campaign_stats_campaign_id_fkey on outreach.campaign_stats is E'@foreignFieldName stats';
comment on constraint campaign_stats_variant_id_fkey on outreach.campaign_stats is E'@fieldName variant\n@foreignSingleFieldName stats';
comment on constraint campaign_stats_variant_id_key on outreach.campaign_stats is E'@behavior -single';
select ddl.tenant_table('outreach.campaign_stats');

create or replace function outreach.begin_campaign_stats() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  if tg_table_name = 'campaigns' then
    insert into outreach.campaign_stats (tenant_id, campaign_id) select tenant_id, id from new_rows;
  else
    insert into outreach.campaign_stats (tenant_id, campaign_id, variant_id) select tenant_id, campaign_id, id from new_rows;
  end if;
  return null;
end
$$;
comment on function outreach.begin_campaign_stats() is 'Gives a new campaign or variant its row of figures, all nought.';
select ddl.trigger('outreach.campaigns', '_300_stats',
  'after insert referencing new table as new_rows for each statement execute function outreach.begin_campaign_stats()');
select ddl.trigger('outreach.campaign_variants', '_300_stats',
  'after insert referencing new table as new_rows for each statement execute function outreach.begin_campaign_stats()');
