-- Which tables are cut into months, how many months are made ahead, and how long a month is kept.
create table if not exists private.partitioned_tables (
  table_name text primary key,
  months_ahead integer not null constraint partitioned_tables_months_ahead_check check (months_ahead between 1 and 120),
  retention interval not null,
  updated_at timestamptz not null default now()
);
comment on table private.partitioned_tables is 'Tables that are cut into months, for keep_partitions(). A row is written by ddl.partition_by_month().';
select ddl.private_table('private.partitioned_tables');
select ddl.trigger('private.partitioned_tables', '_100_stamp', 'before update for each row execute function app.stamp()');
