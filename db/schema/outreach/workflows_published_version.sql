-- A workflow points to its published version and its versions point to it: the second of the two references comes last.
select ddl.foreign_key('outreach.workflows', 'published_version_id', 'outreach.workflow_versions', 'set null');
comment on constraint workflows_published_version_id_fkey on outreach.workflows is E'@fieldName publishedVersion\n@foreignFieldName publishedFor';
