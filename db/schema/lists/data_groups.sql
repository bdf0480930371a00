-- A group brings entries together across imports: who was reached, who was not, who is to be treated alike.
create table if not exists lists.data_groups (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  list_id uuid,
  name text not null constraint data_groups_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint data_groups_description_check check (length(description) <= 5000),
  kind lists.data_group_kind not null default 'custom',
  membership lists.data_group_membership not null default 'static',
  tag text constraint data_groups_tag_check check (length(btrim(tag)) between 1 and 200),
  disposition_codes text[] not null default '{}',
  filter jsonb not null default '{}' constraint data_groups_filter_check check (jsonb_typeof(filter) = 'object'),
  entry_count bigint not null default 0 constraint data_groups_entry_count_check check (entry_count >= 0),
  evaluated_at timestamptz,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint data_groups_pkey primary key (tenant_id, id),
  constraint data_groups_disposition_codes_check check (
    cardinality(disposition_codes) <= 100 and array_position(disposition_codes, null) is null
    and (kind = 'dcode') = (cardinality(disposition_codes) > 0)),
  constraint data_groups_membership_check check (membership = 'static' or kind = 'dcode' or filter <> '{}')
);
comment on table lists.data_groups is E'@typeid dgroup\nEntries that belong together: right or wrong party contacts, disposition codes, or a choice of one''s own.';
comment on column lists.data_groups.list_id is 'The list whose entries it groups; none for a group across the lists of the tenant.';
comment on column lists.data_groups.tag is 'Tag that its entries are known by, such as RPC.';
comment on column lists.data_groups.disposition_codes is 'Outcomes of calls that bring an entry into a group of kind DCODE.';
comment on column lists.data_groups.filter is 'Which entries belong to it when it is rule-based, in the form of a list entry filter.';
comment on column lists.data_groups.entry_count is 'How many entries are in it.';
comment on column lists.data_groups.evaluated_at is 'When its rules were last applied.';
comment on column lists.data_groups.created_by is 'Actor who made the group.';
create unique index if not exists data_groups_name_key on lists.data_groups (tenant_id, list_id, name) nulls not distinct where deleted_at is null;
create index if not exists data_groups_list_id_idx on lists.data_groups (tenant_id, list_id, id);
create index if not exists data_groups_kind_idx on lists.data_groups (tenant_id, kind, id);
select ddl.foreign_key('lists.data_groups', 'list_id', 'lists.lists', 'cascade', p_index => false);
select ddl.foreign_key('lists.data_groups', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('lists.data_groups', p_insert => '{list_id,name,description,kind,membership,tag,disposition_codes,filter}',
  p_update => '{name,description,kind,membership,tag,disposition_codes,filter}');
select ddl.masked('lists.data_groups', '{"filter": "json"}');
