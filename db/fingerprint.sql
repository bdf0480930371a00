-- One line per object of the model, free of oids and of column order; two databases with the same lines have the same model.
with spaces as (
  select oid, nspname, nspacl from pg_namespace where nspname !~ '^(pg_|information_schema|graphile_|public$)'
),
rels as (
  select c.*, c.oid::regclass::text as name from pg_class c where relnamespace in (select oid from spaces) and relkind in ('r', 'p', 'v', 'm', 'S')
    -- Months come and go with the clock; the default partition is always there.
    and not (relispartition and relname ~ '_y[0-9]{4}m[0-9]{2}$')
),
acls as (
  select oid, classid, string_agg(format('%s=%s/%s', grantee, privs, grantor), ' ' order by grantee, grantor) as acl
  from (
    select oid, classid, case grantee when 0 then 'public' else grantee::regrole::text end as grantee, grantor::regrole::text as grantor,
      string_agg(privilege_type || case when is_grantable then '*' else '' end, ',' order by privilege_type) as privs
    from (
      select oid, 'rel' as classid, (aclexplode(relacl)).* from rels
      union all select oid, 'space', (aclexplode(nspacl)).* from spaces
      union all select oid, 'function', (aclexplode(proacl)).* from pg_proc where pronamespace in (select oid from spaces)
    ) each_acl group by oid, classid, 3, 4
  ) grouped group by oid, classid
)
select line from (
  select format('schema %s owner %s acl %s comment %s', nspname, pg_get_userbyid((select nspowner from pg_namespace n where n.oid = s.oid)), acl, obj_description(s.oid, 'pg_namespace')) as line
  from spaces s left join acls a on a.oid = s.oid and classid = 'space'
  union all
  select format('relation %s kind %s owner %s security %s/%s options %s acl %s comment %s', name, relkind, relowner::regrole, relrowsecurity, relforcerowsecurity, reloptions, acl, obj_description(r.oid, 'pg_class'))
  from rels r left join acls a on a.oid = r.oid and classid = 'rel'
  union all
  select format('column %s.%s %s not null %s default %s generated %s%s acl %s comment %s', r.name, attname, format_type(atttypid, atttypmod), attnotnull,
    pg_get_expr(adbin, adrelid), attidentity, attgenerated, (select string_agg(format('%s=%s', e.grantee::regrole, e.privilege_type), ' ' order by e.grantee::regrole::text, e.privilege_type) from aclexplode(attacl) e), col_description(r.oid, attnum))
  from rels r join pg_attribute on attrelid = r.oid and attnum > 0 and not attisdropped left join pg_attrdef on adrelid = attrelid and adnum = attnum
  union all
  select format('constraint %s.%s %s', r.name, conname, pg_get_constraintdef(k.oid)) from rels r join pg_constraint k on conrelid = r.oid and contype <> 'n'
  union all
  select format('index %s comment %s', pg_get_indexdef(indexrelid), obj_description(indexrelid, 'pg_class')) from rels r join pg_index on indrelid = r.oid
  union all
  select format('policy %s.%s %s permissive %s roles %s using %s check %s', r.name, polname, polcmd, polpermissive,
    (select string_agg(case o when 0 then 'public' else o::regrole::text end, ',' order by o::regrole::text) from unnest(polroles) o), pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
  from rels r join pg_policy on polrelid = r.oid
  union all
  select format('trigger %s enabled %s', pg_get_triggerdef(t.oid), tgenabled) from rels r join pg_trigger t on tgrelid = r.oid and not tgisinternal
  union all
  select format('view %s %s', name, pg_get_viewdef(oid)) from rels where relkind in ('v', 'm')
  union all
  select format('function %s owner %s acl %s comment %s', pg_get_functiondef(p.oid), proowner::regrole, acl, obj_description(p.oid, 'pg_proc'))
  from pg_proc p left join acls a on a.oid = p.oid and classid = 'function' where pronamespace in (select oid from spaces) and prokind <> 'a'
  union all
  select format('type %s kind %s base %s %s comment %s', t.oid::regtype, typtype, typbasetype::regtype,
    (select string_agg(pg_get_constraintdef(k.oid), ' ' order by conname) from pg_constraint k where contypid = t.oid), obj_description(t.oid, 'pg_type'))
  from pg_type t where typnamespace in (select oid from spaces) and typtype in ('d', 'e')
  union all
  select format('extension %s', extname) from pg_extension
) s
order by line;
