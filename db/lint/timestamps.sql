-- Every table of the model has created_at; one with updated_at has the trigger that keeps it.
-- Violated by: create table lists.bad (id int);
-- Violated by: drop trigger _100_stamp on lists.lists;
select c.oid::regclass::text as object, 'has no created_at' as problem
from pg_class c
where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and not exists (select from pg_attribute where attrelid = c.oid and attname = 'created_at' and not attisdropped)
union all
select c.oid::regclass::text, 'has updated_at without the trigger _100_stamp'
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'updated_at' and not a.attisdropped
where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
  and not exists (select from pg_trigger where tgrelid = c.oid and tgname = '_100_stamp')
