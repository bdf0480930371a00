-- Every value of a closed list says what it means: the text becomes its description in the API.
-- Violated by: create domain lists.bad as text check (value in ('a', 'b')); comment on domain lists.bad is E'@enum a,b\n@value a Something.\nA list.';
-- Violated by: create domain lists.bad as text check (value in ('a', 'b')); comment on domain lists.bad is E'@enum a\n@value a Something.\nA list.';
select format('%s: %s', t.oid::regtype, v.value) as object, 'the value has no description, or is not in the comment; use ddl.enum()' as problem
from pg_type t
join pg_constraint k on k.contypid = t.oid
cross join lateral (select m[1] as value from regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''', 'g') m) v
where t.typtype = 'd' and t.typnamespace::regnamespace::text = any (ddl.domain_schemas())
  and obj_description(t.oid, 'pg_type') ~ '^@enum '
  and (obj_description(t.oid, 'pg_type') !~ ('(^|\n)@value ' || v.value || ' \S')
    or v.value <> all (string_to_array(substring(obj_description(t.oid, 'pg_type') from '^@enum ([^\n]*)'), ',')))
