-- Where exports and rows are sent to. How to get there is here; what opens the door is in private.connection_secrets.
create table if not exists lists.connections (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint connections_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint connections_description_check check (length(description) <= 5000),
  kind lists.connection_kind not null,
  status lists.connection_status not null default 'active',
  config jsonb not null constraint connections_config_check check (jsonb_typeof(config) = 'object'),
  column_mapping jsonb not null default '[]' constraint connections_column_mapping_check check (jsonb_typeof(column_mapping) = 'array'),
  last_tested_at timestamptz,
  last_test_error text,
  last_used_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint connections_pkey primary key (tenant_id, id)
);
comment on table lists.connections is E'@typeid conn\n@name destinations\nA place that exports are delivered to: a webhook, an FTP or SFTP folder, a bucket, a mailbox.';
comment on column lists.connections.config is 'How to get there, by kind: webhook {url, method, headers}, ftp {host, port, username, path, isTls}, sftp {host, port, username, path, hostKey}, s3 {bucket, region, endpoint, prefix, isPathStyle}, email {to, cc, subject}. Secrets have no place here.';
comment on column lists.connections.column_mapping is 'Which columns are sent under which names, in order: an array of {column, name}. As the export has them when empty.';
comment on column lists.connections.last_test_error is 'What the last test said; nothing when it went well.';
comment on column lists.connections.created_by is 'Actor who made the connection.';
create unique index if not exists connections_name_key on lists.connections (tenant_id, name) where deleted_at is null;
create index if not exists connections_kind_idx on lists.connections (tenant_id, kind, id);
select ddl.foreign_key('lists.connections', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.connections', p_insert => '{name,description,kind,status,config,column_mapping}',
  p_update => '{name,description,status,config,column_mapping}', p_write_role => 'rowhouse_admin');
-- That there is such a place, everybody may know; where it is and how one gets in, those who run the tenant's work.
revoke select on lists.connections from rowhouse_viewer;
grant select (tenant_id, id, name, description, kind, status, last_tested_at, last_used_at, created_by, created_at, updated_at, deleted_at, xmin)
  on lists.connections to rowhouse_viewer;
grant select on lists.connections to rowhouse_manager;
