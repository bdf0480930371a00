-- Row-level security is enabled and forced on every table outside the dynamic staging schema.
-- Violated by: alter table lists.lists no force row level security;
select c.oid::regclass::text as object,
  case when not c.relrowsecurity then 'row-level security is not enabled' else 'row-level security is not forced' end as problem
from pg_class c
where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text)
  and not (c.relrowsecurity and c.relforcerowsecurity)
