-- Every attempt to reach a lead, or of a lead to reach us. What became of it later is a row of its own.
create table if not exists outreach.attempt_logs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  lead_id uuid not null,
  contact_id uuid,
  campaign_id uuid,
  campaign_context crm.lead_campaign_status not null,
  attempt_number integer not null constraint attempt_logs_attempt_number_check check (attempt_number >= 1),
  channel crm.channel not null,
  direction outreach.attempt_direction not null default 'outbound',
  template_version_id uuid,
  message_id uuid,
  message_artifact_id uuid,
  pipeline_run_id uuid,
  correlation_id uuid,
  attempted_by uuid default app.actor_id(),
  attempted_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint attempt_logs_pkey primary key (tenant_id, id)
);
comment on table outreach.attempt_logs is E'@typeid atm\nAn attempt to reach a lead, or of a lead to reach us. It never changes; what became of it is in its outcomes.';
comment on column outreach.attempt_logs.campaign_context is 'Where the lead stood in campaigns.';
comment on column outreach.attempt_logs.attempt_number is 'Which attempt on this lead it is, from 1; given by the database.';
comment on column outreach.attempt_logs.template_version_id is 'What the message was rendered from.';
comment on column outreach.attempt_logs.message_artifact_id is 'Artifact that holds the message as it was handed over.';
comment on column outreach.attempt_logs.correlation_id is 'Joins everything that one cause brought about.';
comment on column outreach.attempt_logs.attempted_by is 'Actor who made it.';
create unique index if not exists attempt_logs_lead_id_attempt_number_key on outreach.attempt_logs (tenant_id, lead_id, attempt_number);
create index if not exists attempt_logs_channel_idx on outreach.attempt_logs (tenant_id, channel, attempted_at);
create index if not exists attempt_logs_attempted_at_idx on outreach.attempt_logs (tenant_id, attempted_at);
create index if not exists attempt_logs_correlation_id_idx on outreach.attempt_logs (tenant_id, correlation_id) where correlation_id is not null;
select ddl.foreign_key('outreach.attempt_logs', 'lead_id', 'crm.leads', 'cascade', p_index => false);
select ddl.foreign_key('outreach.attempt_logs', 'contact_id', 'crm.contacts', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'campaign_id', 'outreach.campaigns', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'template_version_id', 'outreach.template_versions', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'message_id', 'outreach.messages', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'message_artifact_id', 'pipeline.artifacts', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'pipeline_run_id', 'pipeline.pipeline_runs', 'set null');
select ddl.foreign_key('outreach.attempt_logs', 'attempted_by', 'iam.actors', 'set null');
comment on constraint attempt_logs_lead_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_contact_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_campaign_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_message_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_template_version_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_pipeline_run_id_fkey on outreach.attempt_logs is E'@foreignFieldName attempts';
comment on constraint attempt_logs_message_artifact_id_fkey on outreach.attempt_logs is E'@foreignFieldName messageAttempts';
comment on constraint attempt_logs_attempted_by_fkey on outreach.attempt_logs is E'@foreignFieldName madeAttempts';
select ddl.append_only('outreach.attempt_logs',
  p_insert => '{lead_id,contact_id,campaign_id,campaign_context,channel,direction,template_version_id,message_id,correlation_id,attempted_at}');
