-- Every table with a tenant has the restrictive wall, in its one form: plain tenant_id = app.tenant_id(), on read and on write.
-- Restrictive policies are AND-ed, so no other policy can open it; unwrapped, the planner sees the tenant.
-- Violated by: drop policy tenant_wall on lists.lists;
-- Violated by: alter policy tenant_wall on lists.lists using (tenant_id = (select app.tenant_id()));
-- Violated by: alter policy tenant_wall on lists.lists with check (true);
select c.oid::regclass::text as object, 'tenant_wall is missing or not in its one form' as problem
from pg_class c
join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and not exists (
    select from pg_policy p
    where p.polrelid = c.oid and p.polname = 'tenant_wall' and not p.polpermissive and p.polcmd = '*' and p.polroles = '{0}'
      and pg_get_expr(p.polqual, c.oid) = '(tenant_id = app.tenant_id())'
      and pg_get_expr(p.polwithcheck, c.oid) = '(tenant_id = app.tenant_id())')
