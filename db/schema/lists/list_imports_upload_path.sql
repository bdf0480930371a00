create or replace function lists.list_imports_upload_path(import lists.list_imports) returns text
language sql stable set search_path to pg_catalog
return '/imports/' || import.id::text;
comment on function lists.list_imports_upload_path(lists.list_imports) is
  E'@notNull\n@behavior -aggregate -filterBy -orderBy\nPath on this server that the file is sent to by POST, as the body itself; GET tells how far it is, and GET on rejects below it gives the lines that were not taken.';
grant execute on function lists.list_imports_upload_path(lists.list_imports) to rowhouse_viewer, rowhouse_system;
