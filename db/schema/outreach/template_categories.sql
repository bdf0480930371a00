-- A tree of categories, at most ten levels deep, that templates are kept in.
create table if not exists outreach.template_categories (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  parent_id uuid constraint template_categories_parent_id_check check (parent_id <> id),
  name text not null constraint template_categories_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint template_categories_description_check check (length(description) <= 5000),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint template_categories_pkey primary key (tenant_id, id)
);
comment on table outreach.template_categories is E'@typeid tcat\nA drawer for templates; it can lie in another one, at most ten deep.';
comment on column outreach.template_categories.parent_id is 'The category it lies in; none at the top.';
create unique index if not exists template_categories_name_key
  on outreach.template_categories (tenant_id, parent_id, name) nulls not distinct where deleted_at is null;
create index if not exists template_categories_name_idx on outreach.template_categories (tenant_id, name);
select ddl.foreign_key('outreach.template_categories', 'parent_id', 'outreach.template_categories', 'restrict');
comment on constraint template_categories_parent_id_fkey on outreach.template_categories is E'@fieldName parent\n@foreignFieldName children';
select ddl.tenant_table('outreach.template_categories', p_insert => '{parent_id,name,description}', p_update => '{parent_id,name,description}');

create or replace function outreach.guard_template_category_tree() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_category record;
begin
  -- Two who move A under B and B under A at once take turns, and the second one sees what the first did.
  perform pg_advisory_xact_lock(hashtext('outreach.template_categories'), hashtext(n.tenant_id::text))
  from (select distinct tenant_id from new_rows where parent_id is not null) n order by n.tenant_id;
  with recursive up as (
    select n.tenant_id, n.id as start_id, n.parent_id, 1 as level from new_rows n where n.parent_id is not null
    union all
    select u.tenant_id, u.start_id, c.parent_id, u.level + 1
    from up u join outreach.template_categories c on c.tenant_id = u.tenant_id and c.id = u.parent_id
    where u.parent_id <> u.start_id and u.level <= 10
  ), down as (
    select n.tenant_id, n.id as start_id, n.id, 0 as level from new_rows n where n.parent_id is not null
    union all
    select d.tenant_id, d.start_id, c.id, d.level + 1
    from down d join outreach.template_categories c on c.tenant_id = d.tenant_id and c.parent_id = d.id
    where d.level <= 10
  )
  select c.name, coalesce(bool_or(u.parent_id = u.start_id), false) as is_cycle into v_category
  from up u join outreach.template_categories c on c.tenant_id = u.tenant_id and c.id = u.start_id
  group by c.tenant_id, c.id, c.name
  having bool_or(u.parent_id = u.start_id)
    or max(u.level) filter (where u.parent_id is not null) + 1
      + (select max(d.level) from down d where d.tenant_id = c.tenant_id and d.start_id = c.id) > 10
  order by 2 desc limit 1;
  if v_category.is_cycle then
    perform app.raise('CONFLICT', format('Category "%s" cannot lie within itself. Choose a category outside of it.', v_category.name), 'parentId');
  elsif found then
    perform app.raise('LIMIT_EXCEEDED', format('Categories are at most 10 levels deep, and "%s" or one within it would lie deeper. Choose a category nearer to the top.',
      v_category.name), 'parentId', '{"limit": 10}');
  end if;
  return null;
end
$$;
comment on function outreach.guard_template_category_tree() is 'Keeps categories a tree of at most ten levels.';
select ddl.trigger('outreach.template_categories', '_200_tree_on_insert',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_template_category_tree()');
select ddl.trigger('outreach.template_categories', '_200_tree_on_update',
  'after update referencing new table as new_rows for each statement execute function outreach.guard_template_category_tree()');

create or replace function outreach.guard_template_category_deletion() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_category record;
begin
  select p.name as parent, c.name as child, p.deleted_at is not null and o.deleted_at is null as is_deletion into v_category
  from outreach.template_categories c
  join outreach.template_categories p on p.tenant_id = c.tenant_id and p.id = c.parent_id
  join new_rows n on n.tenant_id = c.tenant_id and n.id in (c.id, p.id)
  join old_rows o on o.tenant_id = n.tenant_id and o.id = n.id
  where c.deleted_at is null and p.deleted_at is not null
    and (n.id = p.id and o.deleted_at is null or n.id = c.id and (o.deleted_at is not null or o.parent_id is distinct from n.parent_id))
  limit 1;
  if v_category.is_deletion then
    perform app.raise('CONFLICT', format('Category "%s" still has "%s" in it. Move or delete that first.', v_category.parent, v_category.child), 'deletedAt');
  elsif found then
    perform app.raise('CONFLICT', format('Category "%s" lies in "%s", which is deleted. Restore that first, or choose another one.',
      v_category.child, v_category.parent), 'parentId');
  end if;
  return null;
end
$$;
comment on function outreach.guard_template_category_deletion() is 'Keeps living categories out of deleted ones.';
select ddl.trigger('outreach.template_categories', '_210_deletion', $$after update referencing old table as old_rows new table as new_rows
  for each statement execute function outreach.guard_template_category_deletion()$$);
