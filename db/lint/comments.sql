-- Every table, function and domain says what it is: the text becomes the description in the API.
-- Violated by: comment on table lists.lists is null;
-- Violated by: create function app.bad() returns int language sql return 1;
-- Violated by: comment on domain lists.list_status is null;
select c.oid::regclass::text as object, 'has no comment' as problem
from pg_class c
where c.relkind in ('r', 'p', 'v') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
  and coalesce(regexp_replace(obj_description(c.oid, 'pg_class'), '^(@[^\n]*\n?)*', ''), '') = ''
union all
select p.oid::regprocedure::text, 'has no comment'
from pg_proc p
where p.pronamespace::regnamespace::text = any (ddl.own_schemas()) and obj_description(p.oid, 'pg_proc') is null
union all
select t.oid::regtype::text, 'has no comment'
from pg_type t
where t.typtype = 'd' and t.typnamespace::regnamespace::text = any (ddl.domain_schemas()) and obj_description(t.oid, 'pg_type') is null
