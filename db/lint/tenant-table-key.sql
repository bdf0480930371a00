-- A table that an API role may touch has the primary key (tenant_id, id), or is exempt by name with a reason.
-- Exempt: iam.tenants (is the tenant), iam.users (one person across tenants, walled by membership).
-- Violated by: create table lists.bad (id uuid primary key); grant select on lists.bad to rowhouse_viewer;
select c.oid::regclass::text as object, 'primary key is not (tenant_id, id)' as problem
from pg_class c
where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and c.oid::regclass::text not in ('iam.tenants', 'iam.users')
  and not exists (
    select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p'
      and (select array_agg(a.attname::text order by o.n) from unnest(k.conkey) with ordinality o (attnum, n)
           join pg_attribute a on a.attrelid = k.conrelid and a.attnum = o.attnum) = array['tenant_id', 'id'])
