create or replace function ddl.scope(p_table regclass) returns text
language sql stable set search_path to pg_catalog
return (
  select case
    when n.nspname = 'iam' and c.relname = 'api_keys' then 'api_keys'
    when n.nspname = 'lists' and c.relname like 'export\_%' then 'exports'
    when n.nspname = 'lists' and c.relname like 'list\_import%' then 'imports'
    when n.nspname = 'lists' and c.relname like 'enrichment\_%' then 'enrichment'
    when n.nspname = 'lists' and c.relname = 'connections' then 'connections'
    else n.nspname
  end
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = p_table
);
comment on function ddl.scope(regclass) is
  'The part of the data that a table belongs to, as the scopes of API keys name it: its schema, or a part of it that programs are often limited to.';
