-- Constraints, indexes, policies and triggers are named in full: the mapping of errors relies on it.
-- Partitions have names made by PostgreSQL or their table's.
-- Violated by: create index bad on lists.lists (tenant_id, name);
-- Violated by: alter table lists.lists add constraint bad check (true);
-- Violated by: create trigger bad before update on lists.lists for each row execute function app.stamp();
select format('%s.%s', k.conrelid::regclass, k.conname) as object, 'is not named <table>_<columns>_pkey, _key, _fkey or _check' as problem
from pg_constraint k join pg_class c on c.oid = k.conrelid
where c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text) and k.contype in ('p', 'u', 'f', 'c') and not c.relispartition
  and k.conname !~ ('^' || c.relname || '_.*(pkey|key|fkey|check)$') and k.conname <> c.relname || '_pkey'
union all
select i.indexrelid::regclass::text, 'is not named <table>_<columns>_idx, _key or _pkey'
from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
where c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text) and not c.relispartition and x.relname !~ ('^' || c.relname || '_(.*_)?(idx|key|pkey)$')
union all
select format('%s.%s', t.tgrelid::regclass, t.tgname), 'is not named _NNN_what'
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where not t.tgisinternal and c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text) and t.tgname !~ '^_[0-9]{3}_[a-z_0-9]+$'
