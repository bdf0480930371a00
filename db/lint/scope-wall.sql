-- Every table with a tenant has the wall of scopes in its one form: keys without the scope of its part of the data are refused,
-- once a statement; and every function that runs as its owner and that a role of the API may execute asks for a scope that exists.
-- Exempt: change_api_key and revoke_api_key, whose maker is asked for it with a better reason (private.key_maker).
-- Violated by: drop policy scope_wall on lists.lists;
-- Violated by: alter policy scope_wall on lists.lists with check (true);
-- Violated by: alter policy scope_wall on lists.lists to rowhouse_member;
-- Violated by: create function lists.bad() returns int language sql security definer set search_path to pg_catalog return 1; grant execute on function lists.bad() to rowhouse_member;
-- Violated by: create function lists.bad() returns boolean language sql security definer set search_path to pg_catalog return app.require_scope('list:read'); grant execute on function lists.bad() to rowhouse_member;
select c.oid::regclass::text as object, 'scope_wall is missing or not in its one form' as problem
from pg_class c
join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and not exists (
    select from pg_policy p
    where p.polrelid = c.oid and p.polname = 'scope_wall' and not p.polpermissive and p.polcmd = '*' and p.polroles = array['rowhouse_scoped'::regrole::oid]
      and pg_get_expr(p.polqual, c.oid) like format('%%SELECT app.require_scope(''%s:read''::text)%%', ddl.scope(c.oid))
      and pg_get_expr(p.polwithcheck, c.oid) like format('%%SELECT app.require_scope(''%s:write''::text)%%', ddl.scope(c.oid)))
union all
select p.oid::regprocedure::text, 'runs as its owner without asking for a scope'
from pg_proc p
where p.pronamespace::regnamespace::text = any (ddl.domain_schemas()) and p.prosecdef and p.prorettype <> 'trigger'::regtype
  and p.proname not in ('change_api_key', 'revoke_api_key')
  and exists (select from aclexplode(p.proacl) a where a.grantee::regrole::text in ('rowhouse_viewer', 'rowhouse_member', 'rowhouse_manager', 'rowhouse_admin'))
  and not exists (
    select from regexp_matches(pg_get_functiondef(p.oid), 'app\.require_scope\(''([a-z_]+:[a-z]+)''', 'g') m where m[1] = any (app.known_scopes()))
