-- What sent a message: enrollments and runs are defined after messages.
select ddl.foreign_key('outreach.messages', 'sequence_enrollment_id', 'outreach.sequence_enrollments', 'set null');
select ddl.foreign_key('outreach.messages', 'workflow_run_id', 'outreach.workflow_runs', 'set null');
