-- Tables belong to rowhouse_owner; the roles of requests and jobs own nothing outside the queue.
-- Violated by: create table lists.bad (a int); alter table lists.bad owner to rowhouse_system;
select c.oid::regclass::text as object, format('belongs to %s, not to rowhouse_owner', c.relowner::regrole) as problem
from pg_class c
where c.relkind in ('r', 'p', 'v', 'm', 'S') and c.relnamespace::regnamespace::text = any (ddl.own_schemas())
  and c.relowner::regrole::text <> 'rowhouse_owner'
