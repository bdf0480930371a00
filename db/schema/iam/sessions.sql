-- A sign-in of a user to this tenant, for as long as its refresh tokens are exchanged for new ones.
create table if not exists iam.sessions (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  user_id uuid not null constraint sessions_user_id_fkey references iam.users (id) on delete cascade,
  user_agent text constraint sessions_user_agent_check check (length(user_agent) <= 1000),
  ip_address inet,
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason iam.session_end,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint sessions_pkey primary key (tenant_id, id),
  constraint sessions_expires_at_check check (expires_at > created_at),
  constraint sessions_revoked_reason_check check ((revoked_at is null) = (revoked_reason is null))
);
comment on table iam.sessions is
  E'@typeid sess\nA sign-in of a user to this tenant: the family of its refresh tokens. Users see their own, admins those of the tenant.';
comment on column iam.sessions.user_agent is 'What the browser or program called itself.';
comment on column iam.sessions.ip_address is 'Address from which it was last used.';
create index if not exists sessions_user_id_idx on iam.sessions (user_id, tenant_id);
create index if not exists sessions_last_used_at_idx on iam.sessions (tenant_id, last_used_at);
select ddl.tenant_table('iam.sessions');
drop policy select_viewer on iam.sessions;
select ddl.policy('iam.sessions', 'select_own', 'for select to rowhouse_viewer using (user_id = app.user_id())');
select ddl.policy('iam.sessions', 'select_admin', 'for select to rowhouse_admin using (true)');
select ddl.trigger('iam.sessions', '_200_revoked', $$before update for each row
  when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at) execute function iam.guard_revoked()$$);
-- Servers ask again and again which sessions were ended since.
create index if not exists sessions_revoked_at_idx on iam.sessions (revoked_at) where revoked_at is not null;
grant select, insert, update on iam.sessions to rowhouse_definer;
