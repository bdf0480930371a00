-- That a contact goes through a sequence.
create table if not exists outreach.sequence_enrollments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_id uuid not null,
  contact_id uuid not null,
  campaign_id uuid,
  lead_id uuid,
  status outreach.enrollment_status not null default 'active',
  current_step_id uuid,
  assigned_to uuid,
  enrolled_by uuid default app.actor_id(),
  enrolled_at timestamptz not null default now(),
  paused_at timestamptz,
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sequence_enrollments_pkey primary key (tenant_id, id),
  constraint sequence_enrollments_ended_at_check check ((status in ('active', 'paused')) = (ended_at is null)),
  constraint sequence_enrollments_paused_at_check check ((status = 'paused') = (paused_at is not null))
);
comment on table outreach.sequence_enrollments is E'@typeid enr\nThat a contact goes, or went, through a sequence. A contact is in a sequence once at a time.';
comment on column outreach.sequence_enrollments.campaign_id is 'The campaign that enrolled the contact.';
comment on column outreach.sequence_enrollments.lead_id is 'The lead on whose behalf.';
comment on column outreach.sequence_enrollments.current_step_id is 'The step that is next or under way.';
comment on column outreach.sequence_enrollments.assigned_to is 'Actor who does what people have to do.';
comment on column outreach.sequence_enrollments.enrolled_by is 'Actor who enrolled the contact.';
create unique index if not exists sequence_enrollments_sequence_id_contact_id_key
  on outreach.sequence_enrollments (tenant_id, sequence_id, contact_id) where status in ('active', 'paused');
create index if not exists sequence_enrollments_sequence_id_idx on outreach.sequence_enrollments (tenant_id, sequence_id, status, id);
create index if not exists sequence_enrollments_contact_id_idx on outreach.sequence_enrollments (tenant_id, contact_id, status, id);
create index if not exists sequence_enrollments_created_at_idx on outreach.sequence_enrollments (tenant_id, created_at);
select ddl.foreign_key('outreach.sequence_enrollments', 'sequence_id', 'outreach.sequences', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_enrollments', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_enrollments', 'campaign_id', 'outreach.campaigns', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'lead_id', 'crm.leads', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'current_step_id', 'outreach.sequence_steps', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'assigned_to', 'iam.actors', 'set null');
select ddl.foreign_key('outreach.sequence_enrollments', 'enrolled_by', 'iam.actors', 'set null');
comment on constraint sequence_enrollments_sequence_id_fkey on outreach.sequence_enrollments is E'@foreignFieldName enrollments';
comment on constraint sequence_enrollments_current_step_id_fkey on outreach.sequence_enrollments is E'@foreignFieldName currentEnrollments';
comment on constraint sequence_enrollments_assigned_to_fkey on outreach.sequence_enrollments is E'@foreignFieldName assignedEnrollments';
comment on constraint sequence_enrollments_enrolled_by_fkey on outreach.sequence_enrollments is E'@foreignFieldName startedEnrollments';
select ddl.tenant_table('outreach.sequence_enrollments', p_insert => '{sequence_id,contact_id,campaign_id,lead_id,assigned_to}', p_update => '{status,assigned_to}');
select ddl.state_machine('outreach.sequence_enrollments', 'status',
  '{"active": ["paused", "replied", "bounced", "unsubscribed", "completed", "cancelled"], "paused": ["active", "replied", "bounced", "unsubscribed", "cancelled"],
    "replied": [], "bounced": [], "unsubscribed": [], "completed": [], "cancelled": []}', '{active}');
select ddl.counter('outreach.sequence_enrollments', 'sequence_id', 'outreach.sequences', 'enrollment_count');

create or replace function outreach.stamp_enrollment() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.paused_at := case when new.status = 'paused' then now() end;
  new.ended_at := case when new.status not in ('active', 'paused') then coalesce(new.ended_at, now()) end;
  return new;
end
$$;
comment on function outreach.stamp_enrollment() is 'Keeps the times that follow from the status of an enrollment.';
select ddl.trigger('outreach.sequence_enrollments', '_300_times',
  'before update for each row when (old.status is distinct from new.status) execute function outreach.stamp_enrollment()');
