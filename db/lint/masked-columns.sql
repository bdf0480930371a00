-- What viewers may read is said to hold contact data where its name says so (ddl.masked beside the table), or is excepted here by name;
-- and what stands in for a masked table has all its columns and no other grants. After a change of such a table: masked/index.sql again.
--   users.email, registrations: colleagues, who see each other; campaigns.sender_address: the tenant's own; …_status, is_email_…: what is known of
--   an address, not the address; …_count: figures; phone_country, phone_location, phone_time_zone: where an area code lies.
-- Violated by: alter table lists.lists add column owner_email text;
-- Violated by: alter table crm.contacts add column shoe_size text;
-- Violated by: grant select (primary_email) on crm.contacts to rowhouse_viewer_masked;
-- Violated by: grant select on crm.contacts to rowhouse_viewer_masked;
-- Violated by: create function lists.bad() returns int language sql return 1; revoke all on function lists.bad() from public; grant execute on function lists.bad() to rowhouse_viewer;
-- Violated by: create table lists.bad (tenant_id uuid); grant select on lists.bad to rowhouse_viewer;
select format('%s.%s', c.oid::regclass, a.attname) as object, 'is named like contact data and is not masked: ddl.masked beside the table' as problem
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'p', 'v') and not c.relispartition and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and coalesce(nullif(t.typbasetype, 0), t.oid) in ('text'::regtype, 'jsonb'::regtype, 'text[]'::regtype)
  and a.attname ~ 'mail|phone|mobile|msisdn|whatsapp|recipient_addr|sender_addr|identifier'
  and a.attname !~ '_status$|^phone_(country|location|time_zone|type)$' and has_column_privilege('rowhouse_viewer', c.oid, a.attnum, 'select')
  and format('%s.%s', c.oid::regclass, a.attname) not in ('iam.users.email', 'outreach.campaigns.sender_address')
  and not exists (select from private.masked_columns m where m.table_name::regclass = c.oid and m.column_name = a.attname)
union all
select format('%s.%s', c.oid::regclass, a.attname), 'is missing in what stands in for its table: run masked/index.sql again'
from (select distinct table_name::regclass as oid, ddl.masked_name(table_name || '_rows') as rows from private.masked_columns) m
join pg_class c on c.oid = m.oid join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where not exists (select from pg_attribute b where b.attrelid = to_regclass(m.rows) and b.attname = a.attname and not b.attisdropped)
union all
select format('%s.%s', m.table_name, m.column_name), 'can be read by masked viewers'
from private.masked_columns m
where m.column_name <> '' and has_column_privilege('rowhouse_viewer_masked', m.table_name::regclass, m.column_name, 'select')
union all
select c.oid::regclass::text, 'can be read by viewers and not by masked viewers: run masked/index.sql again'
from pg_class c
where c.relkind in ('r', 'p', 'v') and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
  and has_table_privilege('rowhouse_viewer', c.oid, 'select') and not has_table_privilege('rowhouse_viewer_masked', c.oid, 'select')
  and not exists (select from private.masked_columns m where m.table_name::regclass = c.oid)
union all
select p.oid::regprocedure::text, 'can be called by viewers and not by masked viewers: run masked/index.sql again, or say there why it may act with the rights of its owner'
from pg_proc p
where p.pronamespace::regnamespace::text = any (ddl.own_schemas()) and has_function_privilege('rowhouse_viewer', p.oid, 'execute')
  and not has_function_privilege('rowhouse_viewer_masked', p.oid, 'execute')
  -- Searches of masked tables, which have stand-ins.
  and not (p.pronamespace = 'app'::regnamespace and p.proname ~ '^find_' and to_regprocedure('app.find_masked_' || substr(p.proname, 6) || '(text)') is not null)
union all
select n.nspname::text, 'can be used by viewers and not by masked viewers: run masked/index.sql again'
from pg_namespace n
where has_schema_privilege('rowhouse_viewer', n.oid, 'usage') and not has_schema_privilege('rowhouse_viewer_masked', n.oid, 'usage')
