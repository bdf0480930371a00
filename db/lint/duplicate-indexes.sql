-- No two indexes of a table are the same, and none is the beginning of another one that is whole.
-- Violated by: create index lists_name_idx on lists.lists (tenant_id, status, id);
select format('%s, %s', i.indexrelid::regclass, j.indexrelid::regclass) as object, 'are the same index' as problem
from pg_index i join pg_index j on j.indrelid = i.indrelid and j.indexrelid > i.indexrelid
  and i.indkey = j.indkey and i.indclass = j.indclass and i.indoption = j.indoption
  and pg_get_expr(i.indpred, i.indrelid) is not distinct from pg_get_expr(j.indpred, j.indrelid)
join pg_class c on c.oid = i.indrelid
where c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
