-- Every foreign key is covered by an index that begins with its columns; the tenant's own reference is covered by the primary key.
-- Violated by: drop index lists.list_entries_list_id_idx; drop index lists.list_entries_enrichment_status_idx;
select format('%s.%s', k.conrelid::regclass, k.conname) as object, 'no index begins with its columns' as problem
from pg_constraint k
where k.contype = 'f' and k.connamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
  and not exists (
    select from pg_index i
    where i.indrelid = k.conrelid and i.indisvalid
      -- A partial index serves when it leaves out only the rows without the reference.
      and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^\(\w+ IS NOT NULL\)$')
      and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
