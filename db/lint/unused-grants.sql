-- No grant is without effect: one to a role that may not use the schema, one that the role has from a role below it
-- already, one of a column whose table is granted whole.
-- Violated by: grant select on lists.lists to rowhouse_admin;
-- Violated by: grant select (name) on lists.lists to rowhouse_viewer;
-- Violated by: grant select on lists.lists to rowhouse_anonymous;
-- Violated by: grant execute on function lists.start_export(uuid, jsonb, text[], lists.export_format, boolean, text) to rowhouse_manager;
with grants as (
  select c.oid::regclass::text as object, c.relnamespace as schema, c.oid, 0 as attnum, a.grantee, a.privilege_type as verb
  from pg_class c cross join lateral aclexplode(c.relacl) a
  where c.relkind in ('r', 'p', 'v') and a.grantee not in (0, c.relowner)
  union all
  select format('%s.%s', c.oid::regclass, t.attname), c.relnamespace, c.oid, t.attnum, a.grantee, a.privilege_type
  from pg_class c join pg_attribute t on t.attrelid = c.oid cross join lateral aclexplode(t.attacl) a
  where not t.attisdropped and a.grantee not in (0, c.relowner)
  union all
  select p.oid::regprocedure::text, p.pronamespace, p.oid, 0, a.grantee, a.privilege_type
  from pg_proc p cross join lateral aclexplode(p.proacl) a
  where a.grantee not in (0, p.proowner)
), ours as (
  select g.*, g.grantee::regrole::text as role from grants g
  where g.schema::regnamespace::text = any (ddl.own_schemas())
)
select format('%s on %s to %s', lower(g.verb), g.object, g.role) as object, 'the role may not use the schema' as problem
from ours g where not has_schema_privilege(g.grantee, g.schema, 'usage')
union all
select format('%s on %s to %s', lower(g.verb), g.object, g.role), format('%s has it already', b.role)
from ours g join ours b on b.oid = g.oid and b.verb = g.verb and b.attnum in (0, g.attnum) and (b.grantee, b.attnum) <> (g.grantee, g.attnum)
where b.grantee = g.grantee or pg_has_role(g.grantee, b.grantee, 'usage')
