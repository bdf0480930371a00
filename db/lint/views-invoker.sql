-- Views act as the caller, and materialized views, which ignore policies, are not granted to anyone.
-- Violated by: create view lists.bad as select 1 as a;
-- Violated by: create materialized view lists.bad as select 1 as a; grant select on lists.bad to rowhouse_viewer;
select c.oid::regclass::text as object, 'is a view without security_invoker' as problem
from pg_class c
where c.relkind = 'v' and c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
  and not coalesce(c.reloptions @> array['security_invoker=true'] or c.reloptions @> array['security_invoker=on'], false)
union all
select c.oid::regclass::text, 'is a materialized view with grants'
from pg_class c
where c.relkind = 'm' and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and exists (select from aclexplode(c.relacl) a where a.grantee <> c.relowner)
