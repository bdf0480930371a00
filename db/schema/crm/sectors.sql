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
comment on constraint sectors_parent_id_fkey on crm.sectors is E'@fieldName parent\n@foreignFieldName children';
select ddl.tenant_table('crm.sectors', p_insert => '{parent_id,name,description}', p_update => '{parent_id,name,description}');

create or replace function crm.guard_sector_tree() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text;
begin
  -- Two who move A under B and B under A at once take turns, and the second one sees what the first did.
  perform pg_advisory_xact_lock(hashtext('crm.sectors'), hashtext(n.tenant_id::text))
  from (select distinct tenant_id from new_rows where parent_id is not null) n order by n.tenant_id;
  with recursive up as (
    select n.tenant_id, n.id, n.parent_id from new_rows n where n.parent_id is not null
    union
    select u.tenant_id, u.id, s.parent_id from up u join crm.sectors s on s.tenant_id = u.tenant_id and s.id = u.parent_id
  )
  select n.name into v_name from up u join new_rows n on n.id = u.id where u.parent_id = u.id limit 1;
  if found then
    perform app.raise('CONFLICT', format('Sector "%s" cannot lie within itself. Choose a sector outside of it.', v_name), 'parentId');
  end if;
  return null;
end
$$;
comment on function crm.guard_sector_tree() is 'Keeps sectors a tree.';
select ddl.trigger('crm.sectors', '_200_tree_on_insert',
  'after insert referencing new table as new_rows for each statement execute function crm.guard_sector_tree()');
select ddl.trigger('crm.sectors', '_200_tree_on_update',
  'after update referencing new table as new_rows for each statement execute function crm.guard_sector_tree()');
