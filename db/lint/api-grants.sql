-- API roles get select, and insert and update column by column; never delete (deletes are soft), truncate, references or trigger,
-- and never a column that is the system's: keys of the tenant, times other than deleted_at.
-- Violated by: grant delete on lists.lists to rowhouse_member;
-- Violated by: grant update (created_at) on lists.lists to rowhouse_member;
-- Violated by: grant insert on lists.lists to rowhouse_member;
select format('%s to %s', c.oid::regclass, a.grantee::regrole) as object, format('%s on the whole table', lower(a.privilege_type)) as problem
from pg_class c cross join lateral aclexplode(c.relacl) a
where c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
  and (a.grantee = 0 or a.grantee::regrole::text in ('rowhouse_anonymous', 'rowhouse_viewer', 'rowhouse_member', 'rowhouse_manager', 'rowhouse_admin', 'rowhouse_server'))
  and a.privilege_type <> 'SELECT'
union all
select format('%s.%s to %s', c.oid::regclass, t.attname, a.grantee::regrole), format('%s of a system column', lower(a.privilege_type))
from pg_class c join pg_attribute t on t.attrelid = c.oid cross join lateral aclexplode(t.attacl) a
where c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
  and a.privilege_type in ('INSERT', 'UPDATE') and t.attname in ('tenant_id', 'id', 'created_at', 'updated_at')
  and a.grantee::regrole::text not in ('rowhouse_system', 'rowhouse_owner', 'rowhouse_definer')
