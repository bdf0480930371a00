-- Outcome of the rows that did not simply become a new entry (those carry their import and line themselves).
create table if not exists lists.list_import_rows (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_import_id uuid not null,
  line_number bigint not null,
  outcome lists.import_outcome not null,
  list_entry_id uuid,
  reason_code text,
  reason text,
  raw text,
  previous jsonb constraint list_import_rows_previous_check check (jsonb_typeof(previous) = 'object'),
  created_at timestamptz not null default now(),
  constraint list_import_rows_pkey primary key (tenant_id, id)
);
comment on table lists.list_import_rows is E'@typeid improw\nA row of an import that was rejected, skipped, or merged into an existing entry.';
comment on column lists.list_import_rows.line_number is 'Line of the file where the row begins; the header is line 1.';
comment on column lists.list_import_rows.reason_code is 'Why, as a code.';
comment on column lists.list_import_rows.reason is 'Why, in words.';
comment on column lists.list_import_rows.raw is 'The row as it stood in the file, cut to 2,000 characters.';
comment on column lists.list_import_rows.previous is E'@behavior -*\nThe entry''s fields before this row changed them; undo puts them back.';
create index if not exists list_import_rows_line_number_idx on lists.list_import_rows (tenant_id, list_import_id, line_number);
create index if not exists list_import_rows_outcome_idx on lists.list_import_rows (tenant_id, list_import_id, outcome, line_number);
create index if not exists list_import_rows_list_entry_id_idx on lists.list_import_rows (tenant_id, list_entry_id) where list_entry_id is not null;
select ddl.foreign_key('lists.list_import_rows', 'list_import_id', 'lists.list_imports', 'cascade', p_index => false);
select ddl.foreign_key('lists.list_import_rows', 'list_entry_id', 'lists.list_entries', 'set null', p_index => false);
select ddl.tenant_table('lists.list_import_rows');
select ddl.masked('lists.list_import_rows', '{"reason": "text", "raw": "text", "previous": "json"}');
