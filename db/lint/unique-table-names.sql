-- A table name is used once across the schemas: GraphQL types carry no prefix.
-- Violated by: create table pipeline.lists (id int);
select string_agg(c.oid::regclass::text, ', ' order by c.oid::regclass::text) as object, 'share a name' as problem
from pg_class c where c.relkind in ('r', 'p', 'v') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
group by c.relname having count(*) > 1
