-- A reference between two tenant tables carries the tenant, first: checks of foreign keys look past row-level security.
-- Violated by: create unique index on lists.lists (id); alter table lists.list_entries add constraint bad_fkey foreign key (list_id) references lists.lists (id);
select format('%s.%s', k.conrelid::regclass, k.conname) as object, 'reference between tenant tables without the tenant' as problem
from pg_constraint k
where k.contype = 'f' and k.conparentid = 0
  and exists (select from pg_attribute where attrelid = k.conrelid and attname = 'tenant_id' and not attisdropped)
  and exists (select from pg_attribute where attrelid = k.confrelid and attname = 'tenant_id' and not attisdropped)
  and not exists (select from pg_attribute f join pg_attribute t on t.attrelid = k.confrelid and t.attnum = k.confkey[1]
    where f.attrelid = k.conrelid and f.attnum = k.conkey[1] and f.attname = 'tenant_id' and t.attname = 'tenant_id')
