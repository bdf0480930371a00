-- A deleted row never blocks a new one: unique indexes of tables with deleted_at leave deleted rows out.
-- Violated by: create unique index lists_description_key on lists.lists (tenant_id, description);
-- Violated by: alter table lists.lists add constraint lists_description_key unique (tenant_id, description);
select i.indexrelid::regclass::text as object, 'is unique also among deleted rows; add: where deleted_at is null' as problem
from pg_index i
join pg_class c on c.oid = i.indrelid and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
join pg_attribute a on a.attrelid = c.oid and a.attname = 'deleted_at' and not a.attisdropped
where i.indisunique and not i.indisprimary
  -- A superset of the primary key forbids nothing; it is there to be referred to.
  and not exists (select from pg_attribute k where k.attrelid = c.oid and k.attname = 'id' and k.attnum = any (i.indkey))
  and coalesce(pg_get_expr(i.indpred, i.indrelid), '') !~ 'deleted_at IS NULL'
