-- Passwords and keys of connections stand apart from them, where no grant of the API reaches, and encrypted.
create table if not exists private.connection_secrets (
  tenant_id uuid not null,
  connection_id uuid not null,
  sealed_secret bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint connection_secrets_pkey primary key (tenant_id, connection_id)
);
comment on table private.connection_secrets is 'What opens a connection, sealed with the server''s key.';
select ddl.foreign_key('private.connection_secrets', 'connection_id', 'lists.connections', 'cascade', p_index => false);
select ddl.private_table('private.connection_secrets');
select ddl.trigger('private.connection_secrets', '_100_stamp', 'before update for each row execute function app.stamp()');

create or replace function lists.connections_has_secret(connection lists.connections) returns boolean
language sql stable security definer set search_path to pg_catalog as $$
  select exists (select from private.connection_secrets s
    where app.require_scope('connections:read') and s.tenant_id = app.tenant_id() and s.tenant_id = connection.tenant_id and s.connection_id = connection.id)
$$;
comment on function lists.connections_has_secret(lists.connections) is
  E'@notNull\n@behavior -aggregate -filterBy -orderBy\nWhether a password or key is kept for it. It can be replaced, and never be read.';
grant execute on function lists.connections_has_secret(lists.connections) to rowhouse_manager, rowhouse_system;
