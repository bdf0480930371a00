-- A column that a btree index offers for filtering has a leakproof equality; otherwise row-level security keeps the index from serving.
-- Violated by: create type lists.bad as enum ('a'); alter table lists.lists add column bad lists.bad; create index bad_idx on lists.lists (tenant_id, bad);
-- Violated by: alter table lists.lists add column bad numeric; create index bad_idx on lists.lists (tenant_id, bad);
select format('%s.%s', i.indexrelid::regclass, a.attname) as object, format('equality of %s is not leakproof', format_type(a.atttypid, a.atttypmod)) as problem
from pg_index i
join pg_class c on c.oid = i.indrelid and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
join pg_class x on x.oid = i.indexrelid
join pg_am am on am.oid = x.relam and am.amname = 'btree'
cross join lateral unnest(i.indkey::int2[], i.indclass::oid[]) k (attnum, opclass)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
join pg_opclass o on o.oid = k.opclass
join pg_amop m on m.amopfamily = o.opcfamily and m.amopstrategy = 3 and m.amoplefttype = o.opcintype and m.amoprighttype = o.opcintype
join pg_operator op on op.oid = m.amopopr
join pg_proc p on p.oid = op.oprcode
where not p.proleakproof
