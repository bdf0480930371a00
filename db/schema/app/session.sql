create or replace function app.require_tenant() returns text
language plpgsql stable parallel safe set search_path to pg_catalog as $$
begin
  raise exception using
    errcode = 'RH001',
    message = 'This session has no tenant. Sign in to a tenant and send its access token.';
end
$$;
comment on function app.require_tenant() is 'Raises TENANT_REQUIRED: a session without a tenant sees an error, never nothing and never everything.';

-- Inlinable on purpose: plain SQL, no settings, not security definer. The planner then knows the tenant and estimates its rows.
create or replace function app.tenant_id() returns uuid
language sql stable parallel safe
return coalesce(nullif(current_setting('jwt.claims.tenant_id', true), ''), app.require_tenant())::uuid;
comment on function app.tenant_id() is 'The tenant of this session; an error when there is none.';

create or replace function app.tenant_id_or_null() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.tenant_id', true), '')::uuid;
comment on function app.tenant_id_or_null() is 'The tenant of this session, or null.';

create or replace function app.actor_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.actor_id', true), '')::uuid;
comment on function app.actor_id() is 'Who acts in this session, or null outside a request.';

create or replace function app.user_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.sub', true), '')::uuid;
comment on function app.user_id() is 'The user who is signed in, or null.';

grant execute on function app.require_tenant(), app.tenant_id(), app.tenant_id_or_null(), app.actor_id(), app.user_id()
  to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
