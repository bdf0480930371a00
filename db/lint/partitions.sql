-- Tables that are cut into months: by range (id), known to keep_partitions(), with a partition for rows of any other month, and without
-- foreign keys (a new month's would be checked as the owner, whom the wall binds). Their partitions are hidden from the API and granted to
-- nobody; only rowhouse_definer looks into the default one.
-- Violated by: create table lists.bad (tenant_id uuid, id uuid) partition by range (id);
-- Violated by: drop table audit.audit_logs_default;
-- Violated by: delete from private.partitioned_tables where table_name = 'events.events';
-- Violated by: grant select on audit.audit_logs_default to rowhouse_viewer;
-- Violated by: grant select (id) on events.events_default to rowhouse_admin;
-- Violated by: comment on table audit.audit_logs_default is 'Rows.';
-- Violated by: alter table tracking.analytics_events add constraint analytics_events_tenant_id_fkey foreign key (tenant_id) references iam.tenants (id);
with cut as (
  select c.* from pg_class c
  where c.relkind = 'p' and not c.relispartition and c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
)
select c.oid::regclass::text as object, 'is not partitioned by range (id)' as problem
from cut c where pg_get_partkeydef(c.oid) <> 'RANGE (id)'
union all
select c.oid::regclass::text, 'is not known to keep_partitions(): call ddl.partition_by_month()'
from cut c where not exists (select from private.partitioned_tables t where t.table_name = c.oid::regclass::text)
union all
select c.oid::regclass::text, 'has no default partition'
from cut c join pg_partitioned_table t on t.partrelid = c.oid where t.partdefid = 0
union all
select format('%s.%s', c.oid::regclass, k.conname), 'is a foreign key of a table that is cut into months'
from cut c join pg_constraint k on k.conrelid = c.oid and k.contype = 'f'
union all
select format('%s to %s', p.oid::regclass, a.grantee::regrole), 'is granted on a partition'
from cut c join pg_inherits i on i.inhparent = c.oid join pg_class p on p.oid = i.inhrelid
cross join lateral (
  select (aclexplode(p.relacl)).*
  union all
  select (aclexplode(t.attacl)).* from pg_attribute t where t.attrelid = p.oid
) a
where a.grantee <> p.relowner and (a.grantee, a.privilege_type) <> ('rowhouse_definer'::regrole, 'SELECT')
union all
select p.oid::regclass::text, 'is a partition that the API may show: its comment begins with @behavior -*'
from cut c join pg_inherits i on i.inhparent = c.oid join pg_class p on p.oid = i.inhrelid
where obj_description(p.oid, 'pg_class') is null or obj_description(p.oid, 'pg_class') !~ '^@behavior -\*(\n|$)'
