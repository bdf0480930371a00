-- A security definer function pins its search path.
-- Violated by: create function app.bad() returns int language sql security definer return 1;
select p.oid::regprocedure::text as object, 'is security definer without a pinned search_path' as problem
from pg_proc p
where p.pronamespace::regnamespace::text = any (ddl.own_schemas()) and p.prosecdef
  and not exists (select from unnest(p.proconfig) s where s like 'search\_path=%')
