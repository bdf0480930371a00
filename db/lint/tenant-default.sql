-- The tenant of a new row comes from the claim, and its id is a version 7 uuid.
-- Violated by: alter table lists.lists alter column tenant_id drop default;
-- Violated by: alter table lists.lists alter column id set default gen_random_uuid();
select format('%s.%s', c.oid::regclass, a.attname) as object, 'default is not ' || want.expression as problem
from pg_class c
join (values ('tenant_id', 'app.tenant_id()'), ('id', 'uuidv7()')) want (attname, expression) on true
join pg_attribute a on a.attrelid = c.oid and a.attname = want.attname and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and pg_get_expr(d.adbin, d.adrelid) is distinct from want.expression
