-- No function is executable by PUBLIC: each is granted to the roles that need it.
-- Violated by: create function app.bad() returns int language sql return 1; grant execute on function app.bad() to public;
select p.oid::regprocedure::text as object, 'is executable by PUBLIC' as problem
from pg_proc p
where p.pronamespace::regnamespace::text = any (ddl.own_schemas())
  and (p.proacl is null or exists (select from aclexplode(p.proacl) where grantee = 0))
