-- Fields of business that leads are sorted into, as a tree.
create table if not exists crm.sectors (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  parent_id uuid constraint sectors_parent_id_check check (parent_id <> id),
  name text not null constraint sectors_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint sectors_description_check check (length(description) <= 5000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint sectors_pkey primary key (tenant_id, id)
);
comment on table crm.sectors is E'@typeid sector\nA field of business, or another heap that leads are sorted into.';
create unique index if not exists sectors_name_key on crm.sectors (tenant_id, name) where deleted_at is null;
select ddl.foreign_key('crm.sectors', 'parent_id', 'crm.sectors', 'set null');
select ddl.tenant_table('crm.sectors', p_insert => '{parent_id,name,description}', p_update => '{parent_id,name,description}');
