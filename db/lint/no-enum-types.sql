-- Closed lists are text domains (ddl.enum) and e-mail is lower-cased text: enum types and citext compare without being leakproof.
-- Violated by: create type lists.bad as enum ('a');
select t.oid::regtype::text as object, 'is an enum type; use ddl.enum()' as problem
from pg_type t where t.typtype = 'e' and t.typnamespace::regnamespace::text = any (ddl.own_schemas())
union all
select format('%s.%s', a.attrelid::regclass, a.attname), 'is citext; use text with check (x = lower(x))'
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace::regnamespace::text = any (ddl.domain_schemas() || 'private'::text) and a.atttypid = to_regtype('citext')
