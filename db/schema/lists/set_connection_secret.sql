create or replace function app.set_connection_secret(p_connection_id uuid, p_sealed_secret bytea) returns lists.connections
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_connection lists.connections;
begin
  perform app.require_scope('connections:write');
  select * into v_connection from lists.connections where tenant_id = app.tenant_id() and id = p_connection_id and deleted_at is null for update;
  if not found then
    perform app.raise('NOT_FOUND', 'There is no such connection.', 'id');
  end if;
  if p_sealed_secret is null then
    delete from private.connection_secrets where tenant_id = app.tenant_id() and connection_id = p_connection_id;
  else
    insert into private.connection_secrets (tenant_id, connection_id, sealed_secret) values (app.tenant_id(), p_connection_id, p_sealed_secret)
    on conflict (tenant_id, connection_id) do update set sealed_secret = excluded.sealed_secret;
  end if;
  return v_connection;
end
$$;
comment on function app.set_connection_secret(uuid, bytea) is
  'Keeps what opens a connection, sealed by the server; null forgets it. The API''s mutation of that name seals it.';
grant execute on function app.set_connection_secret(uuid, bytea) to rowhouse_admin;
