-- A column whose name does not say it all has a comment. Obvious: keys, names and the like, times, references whose table says what they are.
-- Violated by: alter table lists.lists add column zeal integer;
select format('%s.%s', c.oid::regclass, a.attname) as object, 'has no comment' as problem
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_type t on t.oid = a.atttypid and t.typtype = 'd'
where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and col_description(c.oid, a.attnum) is null
  and t.oid is null -- a domain describes its values
  and a.attname !~ '_(at|count)$'
  and a.attname not in ('tenant_id', 'id', 'name', 'description', 'status', 'email', 'kind', 'label', 'slug', 'reason', 'file_name', 'content_type',
    'full_name', 'honorific', 'first_name', 'middle_name', 'last_name', 'name_suffix', 'nickname', 'company_name', 'email_domain',
    'address_line1', 'address_line2', 'city', 'state', 'county', 'postal_code', 'country', 'error_message', 'has_header', 'is_gzip', 'phone_type')
  and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any (k.conkey))
