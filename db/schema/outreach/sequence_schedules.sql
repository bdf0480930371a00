-- When the next step of an enrollment is due.
create table if not exists outreach.sequence_schedules (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_enrollment_id uuid not null,
  sequence_step_id uuid not null,
  scheduled_at timestamptz not null,
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sequence_schedules_pkey primary key (tenant_id, id)
);
comment on table outreach.sequence_schedules is E'@typeid ssch\nWhen a step of an enrollment is due. One is open at a time.';
create unique index if not exists sequence_schedules_sequence_enrollment_id_key
  on outreach.sequence_schedules (tenant_id, sequence_enrollment_id) where processed_at is null;
create index if not exists sequence_schedules_sequence_enrollment_id_idx on outreach.sequence_schedules (tenant_id, sequence_enrollment_id, id);
create index if not exists sequence_schedules_scheduled_at_idx on outreach.sequence_schedules (tenant_id, scheduled_at) where processed_at is null;
select ddl.foreign_key('outreach.sequence_schedules', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_schedules', 'sequence_step_id', 'outreach.sequence_steps', 'cascade');
comment on constraint sequence_schedules_sequence_enrollment_id_fkey on outreach.sequence_schedules is E'@foreignFieldName schedules\n@fieldName enrollment';
comment on constraint sequence_schedules_sequence_step_id_fkey on outreach.sequence_schedules is E'@foreignFieldName schedules\n@fieldName step';
select ddl.tenant_table('outreach.sequence_schedules');
