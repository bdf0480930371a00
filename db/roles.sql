-- Cluster roles. Run once per cluster by a superuser (or a role that may create BYPASSRLS roles); re-runnable.
-- Roles belong to the cluster, not to a database, so this stands outside the migrations.
do $$
declare
  v_role text;
begin
  -- Two databases may be set up at once: the first one creates, the second one finds.
  perform pg_advisory_xact_lock(hashtext('rowhouse roles'));

  foreach v_role in array array[
    'rowhouse_owner',      -- owns every schema, table and function; never logs in
    'rowhouse_anonymous',  -- a request without a token
    'rowhouse_viewer', 'rowhouse_member', 'rowhouse_manager', 'rowhouse_admin',
    'rowhouse_system',     -- imports, enrichment, exports: inside one tenant, wider column grants
    -- API keys that are limited to scopes: as the role of the same name, behind the policies of rowhouse_scoped.
    'rowhouse_scoped', 'rowhouse_viewer_scoped', 'rowhouse_member_scoped', 'rowhouse_manager_scoped', 'rowhouse_admin_scoped',
    -- Viewers of tenants that keep e-mail addresses and phone numbers from them: they inherit nothing of rowhouse_viewer.
    'rowhouse_viewer_masked', 'rowhouse_viewer_masked_scoped',
    'rowhouse_identity'    -- looks up who is logging in, before a tenant is known
  ] loop
    if not exists (select from pg_roles where rolname = v_role) then
      execute format('create role %I nologin noinherit', v_role);
    end if;
  end loop;

  if not exists (select from pg_roles where rolname = 'rowhouse_definer') then
    -- Owns the few functions that must look across tenants (login, routing). Each is listed by name in a lint.
    create role rowhouse_definer nologin noinherit bypassrls;
  end if;

  foreach v_role in array array['rowhouse_server', 'rowhouse_worker'] loop
    if not exists (select from pg_roles where rolname = v_role) then
      execute format('create role %I login noinherit', v_role);
    end if;
  end loop;

  -- Each role may do what the one before it may do.
  alter role rowhouse_member inherit;
  alter role rowhouse_manager inherit;
  alter role rowhouse_admin inherit;
  grant rowhouse_viewer to rowhouse_member with inherit true, set false;
  grant rowhouse_member to rowhouse_manager with inherit true, set false;
  grant rowhouse_manager to rowhouse_admin with inherit true, set false;

  foreach v_role in array array['rowhouse_viewer', 'rowhouse_viewer_masked', 'rowhouse_member', 'rowhouse_manager', 'rowhouse_admin'] loop
    execute format('alter role %I inherit', v_role || '_scoped');
    execute format('grant %I, rowhouse_scoped to %I with inherit true, set false', v_role, v_role || '_scoped');
    execute format('grant %I to rowhouse_server with inherit false, set true', v_role || '_scoped');
  end loop;

  -- The logins own nothing and inherit nothing: they become one of these roles for each transaction.
  grant rowhouse_anonymous, rowhouse_viewer, rowhouse_viewer_masked, rowhouse_member, rowhouse_manager, rowhouse_admin, rowhouse_system, rowhouse_identity
    to rowhouse_server with inherit false, set true;
  grant rowhouse_system to rowhouse_worker with inherit false, set true;
  -- Automations act in the worker, each in the role that it was given.
  foreach v_role in array array['rowhouse_viewer', 'rowhouse_member', 'rowhouse_manager', 'rowhouse_admin'] loop
    execute format('grant %I, %I to rowhouse_worker with inherit false, set true', v_role, v_role || '_scoped');
  end loop;

  -- Migrations run as the owner and hand the few special functions to their roles.
  grant rowhouse_definer, rowhouse_worker to rowhouse_owner with inherit false, set true;
end
$$;
