-- That an entry is in a group.
create table if not exists lists.data_group_entries (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  data_group_id uuid not null,
  list_entry_id uuid not null,
  added_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint data_group_entries_pkey primary key (tenant_id, id)
);
comment on table lists.data_group_entries is E'@typeid dge\nThat an entry is in a data group.';
comment on column lists.data_group_entries.added_by is 'Actor who put it in.';
create unique index if not exists data_group_entries_list_entry_id_key
  on lists.data_group_entries (tenant_id, data_group_id, list_entry_id) where deleted_at is null;
create index if not exists data_group_entries_data_group_id_idx on lists.data_group_entries (tenant_id, data_group_id, id);
select ddl.foreign_key('lists.data_group_entries', 'data_group_id', 'lists.data_groups', 'cascade', p_index => false);
select ddl.foreign_key('lists.data_group_entries', 'list_entry_id', 'lists.list_entries', 'cascade');
select ddl.foreign_key('lists.data_group_entries', 'added_by', 'iam.actors', 'set null');
comment on constraint data_group_entries_data_group_id_fkey on lists.data_group_entries is
  E'@behavior +manyToMany\n@manyToManyFieldName dataGroups\n@foreignFieldName memberships';
comment on constraint data_group_entries_list_entry_id_fkey on lists.data_group_entries is
  E'@behavior +manyToMany\n@manyToManyFieldName entries\n@foreignFieldName dataGroupMemberships';
select ddl.tenant_table('lists.data_group_entries', p_insert => '{data_group_id,list_entry_id}', p_update => '{deleted_at}');
select ddl.counter('lists.data_group_entries', 'data_group_id', 'lists.data_groups', 'entry_count');

create or replace function lists.guard_data_group_entry() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_entry text;
begin
  select n.list_entry_id::text into v_entry
  from new_rows n
  join lists.data_groups g on g.tenant_id = n.tenant_id and g.id = n.data_group_id
  join lists.list_entries e on e.tenant_id = n.tenant_id and e.id = n.list_entry_id
  where g.list_id <> e.list_id limit 1;
  if found then
    perform app.raise('VALIDATION_FAILED',
      format('Entry %s is of another list than the group. Put it into a group of its own list, or into one across lists.', v_entry), 'listEntryId');
  end if;
  return null;
end
$$;
comment on function lists.guard_data_group_entry() is 'Refuses an entry of another list in the group of one list.';
select ddl.trigger('lists.data_group_entries', '_200_list',
  'after insert referencing new table as new_rows for each statement execute function lists.guard_data_group_entry()');
