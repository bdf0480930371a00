-- Keys with which programs sign in. Each acts under an actor of its own; the key itself is nowhere, only its hash.
create table if not exists iam.api_keys (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint api_keys_name_check check (length(btrim(name)) between 1 and 200),
  prefix text not null constraint api_keys_prefix_check check (prefix ~ '^rh_[0-9A-Za-z]{4,16}$'),
  role iam.membership_role not null default 'member' constraint api_keys_role_check check (role <> 'owner'),
  scopes text[] not null default '{}' constraint api_keys_scopes_check check (array_position(scopes, null) is null and array_position(scopes, '') is null),
  allowed_networks cidr[] not null default '{}'
    constraint api_keys_allowed_networks_check check (array_position(allowed_networks, null) is null),
  actor_id uuid not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  rotated_at timestamptz,
  revoked_at timestamptz,
  revoked_by uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint api_keys_pkey primary key (tenant_id, id),
  constraint api_keys_actor_id_key unique (tenant_id, actor_id),
  constraint api_keys_expires_at_check check (expires_at > created_at),
  constraint api_keys_revoked_by_check check (revoked_by is null or revoked_at is not null)
);
comment on table iam.api_keys is E'@typeid key\nA key with which a program signs in. It is shown once, when it is made. Admins see all keys of the tenant, others their own.';
comment on column iam.api_keys.prefix is 'The beginning of the key, by which people tell keys apart.';
comment on column iam.api_keys.role is 'What the key may do.';
comment on column iam.api_keys.scopes is 'To what the key is limited further; empty for everything that its role may do.';
comment on column iam.api_keys.allowed_networks is 'From which addresses it may be used; empty for all.';
comment on column iam.api_keys.actor_id is 'Under which it acts; made with the key.';
comment on column iam.api_keys.last_used_at is 'When it last signed a request in, to the minute or so.';
comment on column iam.api_keys.rotated_at is 'When it last got a new secret.';
comment on column iam.api_keys.created_by is 'Actor who made the key.';
create unique index if not exists api_keys_prefix_key on iam.api_keys (tenant_id, prefix);
comment on constraint api_keys_actor_id_key on iam.api_keys is E'@behavior -single';
create index if not exists api_keys_created_at_idx on iam.api_keys (tenant_id, created_at);
-- Servers ask again and again which keys were changed since.
create index if not exists api_keys_updated_at_idx on iam.api_keys (updated_at);
select ddl.foreign_key('iam.api_keys', 'actor_id', 'iam.actors', 'no action', p_index => false);
select ddl.foreign_key('iam.api_keys', 'created_by', 'iam.actors', 'set null');
select ddl.foreign_key('iam.api_keys', 'revoked_by', 'iam.actors', 'set null');
select ddl.tenant_table('iam.api_keys');
drop policy select_viewer on iam.api_keys;
select ddl.policy('iam.api_keys', 'select_own', 'for select to rowhouse_viewer using (created_by = app.actor_id() or actor_id = app.actor_id())');
select ddl.policy('iam.api_keys', 'select_admin', 'for select to rowhouse_admin using (true)');
-- That a key was used is no change of the key.
select ddl.trigger('iam.api_keys', '_100_stamp', $$before update for each row
  when (new.last_used_at is not distinct from old.last_used_at) execute function app.stamp()$$);
select ddl.trigger('iam.api_keys', '_200_revoked', $$before update for each row
  when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at) execute function iam.guard_revoked()$$);
select ddl.trigger('iam.api_keys', '_300_actor', $$before insert for each row execute function iam.make_actor('api_key')$$);
select ddl.trigger('iam.api_keys', '_300_actor_label', 'before update of name for each row execute function iam.rename_actor()');
grant select, update on iam.api_keys to rowhouse_definer;
