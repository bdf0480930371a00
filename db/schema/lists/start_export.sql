create or replace function lists.start_export(
  list_id uuid,
  filter jsonb default '{}',
  columns text[] default null,
  format lists.export_format default 'csv',
  is_gzip boolean default false,
  tag text default null
) returns lists.export_jobs
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_list lists.lists;
  v_filter jsonb := coalesce(start_export.filter, '{}');
  v_job lists.export_jobs;
begin
  perform app.require_scope('exports:write');
  select * into v_list from lists.lists l
  where l.tenant_id = app.tenant_id() and l.id = start_export.list_id and l.deleted_at is null;
  if not found then
    perform app.raise('NOT_FOUND', pg_catalog.format('There is no list %s.', start_export.list_id), 'listId');
  end if;
  if jsonb_typeof(v_filter) <> 'object' then
    perform app.raise('VALIDATION_FAILED', pg_catalog.format('The filter of an export is an object such as {"email": {"isNull": false}}, not %s.',
      jsonb_typeof(v_filter)), 'filter');
  end if;
  if length(v_filter::text) > 262144 then
    perform app.raise('LIMIT_EXCEEDED', 'The filter of an export has at most 262,144 characters.', 'filter');
  end if;
  if length(start_export.tag) > 200 or btrim(start_export.tag) = '' then
    perform app.raise('VALIDATION_FAILED', 'A tag has 1 to 200 characters.', 'tag');
  end if;
  insert into lists.export_jobs (tenant_id, list_id, format, is_gzip, filter, columns, tag)
  values (v_list.tenant_id, v_list.id, coalesce(start_export.format, 'csv'), coalesce(start_export.is_gzip, false), v_filter,
    lists.resolve_export_columns(v_list, start_export.columns), start_export.tag)
  returning * into v_job;
  return v_job;
end
$$;
comment on function lists.start_export(uuid, jsonb, text[], lists.export_format, boolean, text) is
  'Writes the living entries of a list that satisfy a filter to a file that can be downloaded when the job has succeeded. In CSV, a cell that a spreadsheet would take for a formula begins with an apostrophe.';
grant execute on function lists.start_export(uuid, jsonb, text[], lists.export_format, boolean, text) to rowhouse_member;
