-- Which columns viewers see masked where their tenant wants it so, and as what.
create table if not exists private.masked_columns (
  table_name text not null,
  column_name text not null,
  expression text not null,
  constraint masked_columns_pkey primary key (table_name, column_name)
);
comment on table private.masked_columns is 'Columns with e-mail addresses and phone numbers, and what masked viewers see instead, as SQL. Rows are written by ddl.masked().';
comment on column private.masked_columns.column_name is 'The column; empty for a view that counts over such columns.';
comment on column private.masked_columns.expression is 'What is shown instead, over the columns of the table t.';
select ddl.private_table('private.masked_columns');
