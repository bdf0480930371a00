-- What a run did at each node.
create table if not exists outreach.workflow_run_steps (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  workflow_run_id uuid not null,
  node_id text not null constraint workflow_run_steps_node_id_check check (length(node_id) between 1 and 200),
  node_type outreach.node_type not null,
  status outreach.step_execution_status not null default 'pending',
  output jsonb not null default '{}' constraint workflow_run_steps_output_check check (jsonb_typeof(output) = 'object'),
  message_id uuid,
  error_message text,
  scheduled_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint workflow_run_steps_pkey primary key (tenant_id, id),
  constraint workflow_run_steps_completed_at_check check ((status in ('done', 'failed', 'skipped')) = (completed_at is not null))
);
comment on table outreach.workflow_run_steps is E'@typeid wfs\nWhat a run did at a node.';
comment on column outreach.workflow_run_steps.node_id is 'Node of the version that the run is on.';
comment on column outreach.workflow_run_steps.output is 'What came out, a JSON object.';
create index if not exists workflow_run_steps_workflow_run_id_idx on outreach.workflow_run_steps (tenant_id, workflow_run_id, id);
create index if not exists workflow_run_steps_status_idx on outreach.workflow_run_steps (tenant_id, status, scheduled_at);
select ddl.foreign_key('outreach.workflow_run_steps', 'workflow_run_id', 'outreach.workflow_runs', 'cascade', p_index => false);
select ddl.foreign_key('outreach.workflow_run_steps', 'message_id', 'outreach.messages', 'set null');
comment on constraint workflow_run_steps_workflow_run_id_fkey on outreach.workflow_run_steps is E'@foreignFieldName steps\n@fieldName run';
select ddl.tenant_table('outreach.workflow_run_steps');
select ddl.state_machine('outreach.workflow_run_steps', 'status',
  '{"pending": ["running", "skipped"], "running": ["done", "failed", "skipped"], "done": [], "failed": [], "skipped": []}', '{pending}');
select ddl.masked('outreach.workflow_run_steps', '{"output": "json", "error_message": "text"}');
