-- The role of a user in a tenant.
create table if not exists iam.memberships (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  user_id uuid not null constraint memberships_user_id_fkey references iam.users (id) on delete cascade,
  role iam.membership_role not null default 'member',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint memberships_pkey primary key (tenant_id, id)
);
comment on table iam.memberships is E'@typeid membership\nThat a user belongs to this tenant, and what they may do in it.';
comment on column iam.memberships.role is 'What the user may do here.';
create unique index if not exists memberships_user_id_key on iam.memberships (tenant_id, user_id) where deleted_at is null;
create index if not exists memberships_user_id_idx on iam.memberships (user_id, tenant_id);
-- Servers ask again and again which makers of keys were changed since.
create index if not exists memberships_updated_at_idx on iam.memberships (updated_at);
select ddl.tenant_table('iam.memberships', p_update => '{role}', p_write_role => 'rowhouse_admin', p_system => 'select');
grant select, insert, update on iam.memberships to rowhouse_definer;
select ddl.trigger('iam.memberships', '_200_guard', 'before update of role, deleted_at for each row execute function private.guard_membership()');
select ddl.trigger('iam.memberships', '_300_end', $$after update of deleted_at for each row
  when (old.deleted_at is null and new.deleted_at is not null) execute function private.end_membership()$$);

-- A user is visible to the tenants they belong to: the membership's own wall decides which tenant that is.
select ddl.policy('iam.users', 'tenant_wall', $$as restrictive for all to public
  using (exists (select from iam.memberships m where m.user_id = users.id and m.tenant_id = app.tenant_id()))$$);
select ddl.policy('iam.users', 'scope_wall', $$as restrictive for all to rowhouse_scoped
  using ((select app.require_scope('iam:read'))) with check ((select app.require_scope('iam:write')))$$);
select ddl.policy('iam.users', 'select_viewer', 'for select to rowhouse_viewer using (true)');
select ddl.policy('iam.users', 'all_system', 'for all to rowhouse_system, rowhouse_owner using (true) with check (true)');
