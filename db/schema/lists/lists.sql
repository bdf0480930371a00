-- A list is a named heap of contact data; everything about its rows hangs from here.
create table if not exists lists.lists (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint lists_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint lists_description_check check (length(description) <= 5000),
  status lists.list_status not null default 'active',
  columns jsonb not null default '[]' constraint lists_columns_check check (jsonb_typeof(columns) = 'array'),
  metadata jsonb not null default '{}' constraint lists_metadata_check check (jsonb_typeof(metadata) = 'object'),
  entry_count bigint not null default 0 constraint lists_entry_count_check check (entry_count >= 0),
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint lists_pkey primary key (tenant_id, id)
);
comment on table lists.lists is E'@typeid list\nA named collection of contact data.';
comment on column lists.lists.columns is 'Columns seen in imported files, in order: an array of {name, mappedTo}.';
comment on column lists.lists.metadata is 'Anything the tenant wants to keep about the list, a JSON object.';
comment on column lists.lists.entry_count is 'How many living entries the list has.';
comment on column lists.lists.created_by is 'Actor who made the list.';
create unique index if not exists lists_name_key on lists.lists (tenant_id, name) where deleted_at is null;
create index if not exists lists_status_idx on lists.lists (tenant_id, status, id);
create index if not exists lists_created_at_idx on lists.lists (tenant_id, created_at);
create index if not exists lists_metadata_idx on lists.lists using gin (metadata jsonb_path_ops);
select ddl.foreign_key('lists.lists', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.lists', p_insert => '{name,description,status,metadata}', p_update => '{name,description,status,metadata}');
select ddl.masked('lists.lists', '{"columns": "names", "metadata": "json"}');
