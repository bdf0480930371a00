-- What was really sent or received, whatever brought it about.
create table if not exists outreach.messages (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid,
  campaign_id uuid,
  sequence_enrollment_id uuid,
  workflow_run_id uuid,
  template_version_id uuid,
  prompt_id uuid,
  artifact_id uuid,
  in_reply_to_id uuid,
  direction outreach.direction not null default 'outbound',
  channel crm.channel not null,
  status outreach.message_status not null default 'queued',
  source_type outreach.message_source not null generated always as (case when campaign_id is not null then 'campaign'
    when sequence_enrollment_id is not null then 'sequence' when workflow_run_id is not null then 'workflow' else 'direct' end) stored,
  recipient_address text not null constraint messages_recipient_address_check check (length(recipient_address) between 1 and 500),
  sender_address text constraint messages_sender_address_check check (length(sender_address) between 1 and 500),
  subject text constraint messages_subject_check check (length(subject) <= 1000),
  body text not null default '' constraint messages_body_check check (length(body) <= 500000),
  body_html text constraint messages_body_html_check check (length(body_html) <= 2000000),
  provider text constraint messages_provider_check check (provider ~ '^[a-z][a-z0-9_-]{0,99}$'),
  external_id text constraint messages_external_id_check check (length(external_id) between 1 and 500),
  retry_count integer not null default 0 constraint messages_retry_count_check check (retry_count >= 0),
  error_code text constraint messages_error_code_check check (length(error_code) <= 200),
  error_message text constraint messages_error_message_check check (length(error_message) <= 5000),
  metadata jsonb not null default '{}' constraint messages_metadata_check check (jsonb_typeof(metadata) = 'object'),
  created_by uuid default app.actor_id(),
  scheduled_at timestamptz,
  sent_at timestamptz,
  delivered_at timestamptz,
  failed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint messages_pkey primary key (tenant_id, id),
  constraint messages_direction_check check ((direction = 'inbound') = (status = 'received')),
  constraint messages_source_check check (num_nonnulls(campaign_id, sequence_enrollment_id, workflow_run_id) <= 1),
  constraint messages_external_id_provider_check check (external_id is null or provider is not null),
  constraint messages_addresses_check check (channel <> 'email' or (recipient_address = lower(recipient_address) and sender_address = lower(sender_address)) is not false)
);
comment on table outreach.messages is E'@typeid msg\nA message that was sent or received, or is about to be sent.';
comment on column outreach.messages.contact_id is 'To whom it goes or from whom it came, when that is known.';
comment on column outreach.messages.campaign_id is 'The campaign that sends it. At most one of campaign, enrollment and workflow run is there.';
comment on column outreach.messages.sequence_enrollment_id is 'The enrollment in a sequence that sends it.';
comment on column outreach.messages.workflow_run_id is 'The run of a workflow that sends it.';
comment on column outreach.messages.template_version_id is 'What it was rendered from; the template is that version''s.';
comment on column outreach.messages.prompt_id is 'The prompt by which it was written.';
comment on column outreach.messages.artifact_id is 'The artifact that holds it as it was handed over.';
comment on column outreach.messages.in_reply_to_id is 'The message that it answers.';
comment on column outreach.messages.channel is 'The way it goes.';
comment on column outreach.messages.source_type is 'What brought it about: told by which of the references is there.';
comment on column outreach.messages.recipient_address is 'Address, number or handle that it goes to; an e-mail address in lower case.';
comment on column outreach.messages.sender_address is 'Address, number or handle that it comes from.';
comment on column outreach.messages.subject is 'Subject line of an e-mail.';
comment on column outreach.messages.body is 'The text as it was sent.';
comment on column outreach.messages.body_html is 'The text as HTML, of an e-mail.';
comment on column outreach.messages.provider is 'The service that carries it, such as twilio.';
comment on column outreach.messages.external_id is 'Its id at the provider.';
comment on column outreach.messages.retry_count is 'How often it was queued again after it had failed.';
comment on column outreach.messages.error_code is 'What the provider calls the last error.';
comment on column outreach.messages.metadata is 'Anything else about it, a JSON object.';
comment on column outreach.messages.created_by is 'Actor who wrote it or had it sent.';
create unique index if not exists messages_provider_external_id_key on outreach.messages (tenant_id, provider, external_id) where external_id is not null;
create index if not exists messages_contact_id_idx on outreach.messages (tenant_id, contact_id, created_at);
create index if not exists messages_campaign_id_idx on outreach.messages (tenant_id, campaign_id, created_at);
create index if not exists messages_sequence_enrollment_id_idx on outreach.messages (tenant_id, sequence_enrollment_id) where sequence_enrollment_id is not null;
create index if not exists messages_workflow_run_id_idx on outreach.messages (tenant_id, workflow_run_id) where workflow_run_id is not null;
create index if not exists messages_status_idx on outreach.messages (tenant_id, status, id);
create index if not exists messages_source_type_idx on outreach.messages (tenant_id, source_type, id);
create index if not exists messages_channel_idx on outreach.messages (tenant_id, channel, created_at);
create index if not exists messages_created_at_idx on outreach.messages (tenant_id, created_at);
select ddl.foreign_key('outreach.messages', 'contact_id', 'crm.contacts', 'set null', p_index => false);
select ddl.foreign_key('outreach.messages', 'template_version_id', 'outreach.template_versions', 'set null');
select ddl.foreign_key('outreach.messages', 'prompt_id', 'outreach.prompts', 'set null');
select ddl.foreign_key('outreach.messages', 'artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('outreach.messages', 'in_reply_to_id', 'outreach.messages', 'set null');
select ddl.foreign_key('outreach.messages', 'created_by', 'iam.actors', 'set null');
comment on constraint messages_in_reply_to_id_fkey on outreach.messages is E'@fieldName inReplyTo\n@foreignFieldName replies';
select ddl.tenant_table('outreach.messages');
select ddl.masked('outreach.messages', '{"recipient_address": "contact", "sender_address": "contact", "subject": "text", "body": "text", "body_html": "text", "external_id": "text", "error_message": "text", "metadata": "json"}');
