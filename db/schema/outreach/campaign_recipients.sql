-- To whom a campaign goes, and what came of it: the facts are times, and the status is told by them.
create table if not exists outreach.campaign_recipients (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  campaign_id uuid not null,
  contact_id uuid not null,
  variant_id uuid,
  message_id uuid,
  -- Ordered by what tells most, so that reports which overtake each other never take a recipient back.
  status outreach.recipient_status not null generated always as (case when unsubscribed_at is not null then 'unsubscribed'
    when replied_at is not null then 'replied' when clicked_at is not null then 'clicked' when opened_at is not null then 'opened'
    when bounced_at is not null then 'bounced' when failed_at is not null then 'failed' when delivered_at is not null then 'delivered'
    when sent_at is not null then 'sent' when skipped_at is not null then 'skipped' when queued_at is not null then 'queued' else 'pending' end) stored,
  reason text constraint campaign_recipients_reason_check check (length(reason) <= 5000),
  queued_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  opened_at timestamptz,
  clicked_at timestamptz,
  replied_at timestamptz,
  bounced_at timestamptz,
  unsubscribed_at timestamptz,
  failed_at timestamptz,
  skipped_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint campaign_recipients_pkey primary key (tenant_id, id),
  constraint campaign_recipients_sent_at_check
    check (sent_at is not null or num_nonnulls(delivered_at, opened_at, clicked_at, replied_at, bounced_at, unsubscribed_at) = 0),
  constraint campaign_recipients_skipped_at_check check (skipped_at is null or sent_at is null)
);
comment on table outreach.campaign_recipients is E'@typeid rcpt\nA contact that a campaign goes to, and what came of it.';
comment on column outreach.campaign_recipients.variant_id is 'The variant it gets; none where the campaign has none.';
comment on column outreach.campaign_recipients.message_id is 'The message it got.';
comment on column outreach.campaign_recipients.reason is 'Why it was skipped, or why it failed.';
create unique index if not exists campaign_recipients_contact_id_key
  on outreach.campaign_recipients (tenant_id, campaign_id, contact_id) where deleted_at is null;
create index if not exists campaign_recipients_status_idx on outreach.campaign_recipients (tenant_id, campaign_id, status, id);
select ddl.foreign_key('outreach.campaign_recipients', 'campaign_id', 'outreach.campaigns', 'cascade', p_index => false);
select ddl.foreign_key('outreach.campaign_recipients', 'contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('outreach.campaign_recipients', 'variant_id', 'outreach.campaign_variants', 'restrict');
select ddl.foreign_key('outreach.campaign_recipients', 'message_id', 'outreach.messages', 'set null');
comment on constraint campaign_recipients_campaign_id_fkey on outreach.campaign_recipients is
  E'@behavior +manyToMany\n@manyToManyFieldName campaigns\n@foreignFieldName recipients';
comment on constraint campaign_recipients_contact_id_fkey on outreach.campaign_recipients is
  E'@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName campaignRecipients';
comment on constraint campaign_recipients_variant_id_fkey on outreach.campaign_recipients is E'@fieldName variant\n@foreignFieldName recipients';
select ddl.tenant_table('outreach.campaign_recipients', p_insert => '{campaign_id,contact_id,variant_id}', p_update => '{deleted_at}');
select ddl.masked('outreach.campaign_recipients', '{"reason": "text"}');
