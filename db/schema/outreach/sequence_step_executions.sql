-- What became of a step for an enrolled contact.
create table if not exists outreach.sequence_step_executions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  sequence_enrollment_id uuid not null,
  sequence_step_id uuid not null,
  attempt_number integer not null default 1 constraint sequence_step_executions_attempt_number_check check (attempt_number >= 1),
  status outreach.step_execution_status not null default 'pending',
  message_id uuid,
  error_message text,
  started_at timestamptz,
  completed_at timestamptz,
  opened_at timestamptz,
  clicked_at timestamptz,
  replied_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sequence_step_executions_pkey primary key (tenant_id, id),
  constraint sequence_step_executions_completed_at_check check ((status in ('done', 'failed', 'skipped')) = (completed_at is not null))
);
comment on table outreach.sequence_step_executions is E'@typeid exec\nWhat became of a step for an enrolled contact.';
comment on column outreach.sequence_step_executions.attempt_number is 'Which try of the step it is, from 1.';
create unique index if not exists sequence_step_executions_step_attempt_key
  on outreach.sequence_step_executions (tenant_id, sequence_enrollment_id, sequence_step_id, attempt_number);
create index if not exists sequence_step_executions_sequence_enrollment_id_idx
  on outreach.sequence_step_executions (tenant_id, sequence_enrollment_id, id);
create index if not exists sequence_step_executions_sequence_step_id_idx on outreach.sequence_step_executions (tenant_id, sequence_step_id, status, id);
select ddl.foreign_key('outreach.sequence_step_executions', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_step_executions', 'sequence_step_id', 'outreach.sequence_steps', 'cascade', p_index => false);
select ddl.foreign_key('outreach.sequence_step_executions', 'message_id', 'outreach.messages', 'set null');
comment on constraint sequence_step_executions_sequence_enrollment_id_fkey on outreach.sequence_step_executions is E'@foreignFieldName executions\n@fieldName enrollment';
comment on constraint sequence_step_executions_sequence_step_id_fkey on outreach.sequence_step_executions is E'@foreignFieldName executions\n@fieldName step';
comment on constraint sequence_step_executions_message_id_fkey on outreach.sequence_step_executions is E'@foreignFieldName stepExecutions';
select ddl.tenant_table('outreach.sequence_step_executions');
select ddl.state_machine('outreach.sequence_step_executions', 'status',
  '{"pending": ["running", "skipped"], "running": ["done", "failed", "skipped"], "done": [], "failed": [], "skipped": []}', '{pending}');
select ddl.masked('outreach.sequence_step_executions', '{"error_message": "text"}');
