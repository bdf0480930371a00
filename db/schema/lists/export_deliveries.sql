-- Each attempt to hand an exported file over, with what the other side said.
create table if not exists lists.export_deliveries (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  export_job_id uuid not null,
  export_file_id uuid,
  connection_id uuid not null,
  attempt_number integer not null default 1 constraint export_deliveries_attempt_number_check check (attempt_number >= 1),
  status lists.export_delivery_status not null default 'pending',
  destination text not null constraint export_deliveries_destination_check check (length(destination) between 1 and 2000),
  byte_count bigint not null default 0 constraint export_deliveries_byte_count_check check (byte_count >= 0),
  checksum text constraint export_deliveries_checksum_check check (checksum ~ '^[0-9a-f]{64}$'),
  receipt jsonb not null default '{}' constraint export_deliveries_receipt_check check (jsonb_typeof(receipt) = 'object'),
  error_code text,
  error_message text,
  started_at timestamptz,
  delivered_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint export_deliveries_pkey primary key (tenant_id, id),
  constraint export_deliveries_delivered_at_check check ((status = 'delivered') = (delivered_at is not null))
);
comment on table lists.export_deliveries is E'@typeid delivery\nAn attempt to hand the file of an export over to a connection.';
comment on column lists.export_deliveries.attempt_number is 'Which attempt for this connection, from 1.';
comment on column lists.export_deliveries.connection_id is E'@name destination_id\nWhere it goes.';
comment on column lists.export_deliveries.destination is E'@name sent_to\nWhere exactly it went, without secrets: the address, path or mailbox as it was then.';
comment on column lists.export_deliveries.byte_count is 'Bytes that were sent.';
comment on column lists.export_deliveries.checksum is 'SHA-256 of what was sent, hexadecimal.';
comment on column lists.export_deliveries.receipt is 'What the other side answered: status, message id, ETag, … A JSON object.';
comment on column lists.export_deliveries.error_code is 'Code of the error, when it failed.';
create unique index if not exists export_deliveries_attempt_number_key
  on lists.export_deliveries (tenant_id, export_job_id, connection_id, attempt_number);
create index if not exists export_deliveries_status_idx on lists.export_deliveries (tenant_id, status, id);
select ddl.foreign_key('lists.export_deliveries', 'export_job_id', 'lists.export_jobs', 'cascade', p_index => false);
select ddl.foreign_key('lists.export_deliveries', 'export_file_id', 'lists.export_files', 'set null');
select ddl.foreign_key('lists.export_deliveries', 'connection_id', 'lists.connections', 'no action');
comment on constraint export_deliveries_export_job_id_fkey on lists.export_deliveries is E'@foreignFieldName deliveries';
comment on constraint export_deliveries_export_file_id_fkey on lists.export_deliveries is E'@foreignFieldName deliveries';
comment on constraint export_deliveries_connection_id_fkey on lists.export_deliveries is E'@fieldName destination\n@foreignFieldName deliveries';
select ddl.tenant_table('lists.export_deliveries');
select ddl.state_machine('lists.export_deliveries', 'status',
  '{"pending": ["sending", "cancelled"], "sending": ["delivered", "failed", "cancelled", "pending"], "failed": [], "delivered": [], "cancelled": []}', '{pending,sending}');
select ddl.masked('lists.export_deliveries', '{"destination": "text", "checksum": "hidden", "receipt": "json", "error_message": "text"}');
