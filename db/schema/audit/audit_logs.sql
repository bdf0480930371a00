-- What was done to sensitive rows. The month is in the id, so the key stays (tenant_id, id) although the table is cut into
-- months. Nothing is referred to: what was done stays true when its subject is gone.
create table if not exists audit.audit_logs (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  action audit.audit_action not null,
  entity_type text not null,
  entity_id uuid not null,
  old_values jsonb constraint audit_logs_old_values_check check (jsonb_typeof(old_values) = 'object'),
  new_values jsonb constraint audit_logs_new_values_check check (jsonb_typeof(new_values) = 'object'),
  actor_id uuid,
  user_id uuid,
  ip_address inet,
  request_id text,
  created_at timestamptz not null default now(),
  constraint audit_logs_pkey primary key (tenant_id, id)
) partition by range (id);
comment on table audit.audit_logs is
  E'@typeid log\n@foreignKey (tenant_id, actor_id) references iam.actors (tenant_id, id)|@foreignFieldName auditLogs\nWhat was done to a sensitive row: by whom, from where, and which values changed. Kept for two years.';
comment on column audit.audit_logs.entity_type is 'Table of the row.';
comment on column audit.audit_logs.entity_id is 'The row.';
comment on column audit.audit_logs.old_values is 'Values before, of the columns that changed; secrets are left out.';
comment on column audit.audit_logs.new_values is 'Values after, of the columns that changed; secrets are left out.';
comment on column audit.audit_logs.actor_id is 'Actor who did it; none for set-up commands.';
comment on column audit.audit_logs.user_id is 'User who did it.';
comment on column audit.audit_logs.ip_address is 'Address the request came from.';
comment on column audit.audit_logs.request_id is 'Request or job in which it was done.';
create index if not exists audit_logs_entity_id_idx on audit.audit_logs (tenant_id, entity_id, id);
create index if not exists audit_logs_entity_type_idx on audit.audit_logs (tenant_id, entity_type, id);
create index if not exists audit_logs_actor_id_idx on audit.audit_logs (tenant_id, actor_id, id);
create index if not exists audit_logs_created_at_idx on audit.audit_logs (tenant_id, created_at);
select ddl.append_only('audit.audit_logs', p_select_role => 'rowhouse_admin');
grant insert on audit.audit_logs to rowhouse_definer;
select ddl.partition_by_month('audit.audit_logs', interval '2 years');
