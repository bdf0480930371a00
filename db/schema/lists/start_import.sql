create or replace function lists.start_import(
  list_id uuid,
  file_name text default null,
  format lists.import_format default 'auto',
  encoding text default null,
  delimiter text default null,
  has_header boolean default true,
  mapping jsonb default null,
  default_country text default null,
  duplicate_policy lists.duplicate_policy default 'skip',
  is_dry_run boolean default false
) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_import lists.list_imports;
begin
  perform app.require_scope('imports:write');
  if not exists (select from lists.lists l where l.tenant_id = app.tenant_id() and l.id = start_import.list_id and l.deleted_at is null) then
    perform app.raise('NOT_FOUND', format('There is no list %s.', list_id), 'listId');
  end if;
  if mapping is not null and jsonb_typeof(mapping) <> 'object' then
    perform app.raise('VALIDATION_FAILED', 'The mapping must be an object: header of the file to column of the entry, or to null.', 'mapping');
  end if;
  if default_country !~ '^[A-Z]{2}$' then
    perform app.raise('VALIDATION_FAILED', format('"%s" is no country code. Send two capital letters, such as US.', default_country), 'defaultCountry');
  end if;
  if delimiter not in (',', ';', '|', E'\t') then
    perform app.raise('VALIDATION_FAILED', 'The delimiter must be a comma, a semicolon, a bar or a tab.', 'delimiter');
  end if;
  if encoding not in ('utf-8', 'utf-16le', 'utf-16be', 'windows-1250', 'windows-1251', 'windows-1252', 'iso-8859-1', 'iso-8859-15', 'macintosh') then
    perform app.raise('VALIDATION_FAILED', format('The encoding "%s" is not known. Leave it out, or send utf-8, utf-16le, utf-16be, '
      'windows-1250, windows-1251, windows-1252, iso-8859-1, iso-8859-15 or macintosh.', encoding), 'encoding');
  end if;
  insert into lists.list_imports
    (list_id, file_name, format, encoding, delimiter, has_header, mapping, default_country, duplicate_policy, is_dry_run)
  values (start_import.list_id, left(start_import.file_name, 500), start_import.format, start_import.encoding, start_import.delimiter,
    coalesce(start_import.has_header, true), start_import.mapping,
    coalesce(start_import.default_country, (select t.default_country from iam.tenants t where t.id = app.tenant_id())),
    coalesce(start_import.duplicate_policy, 'skip'), coalesce(start_import.is_dry_run, false))
  returning * into v_import;
  return v_import;
end
$$;
comment on function lists.start_import(uuid, text, lists.import_format, text, text, boolean, jsonb, text, lists.duplicate_policy, boolean) is
  'Opens an import into a list. Then send the file: POST it to the import''s uploadPath. Format, encoding and delimiter are detected unless given; '
  'the mapping is an object, header of the file to column of the entry or to null, and well-known headers are recognised without one; '
  'the default country (two letters) is that of phone numbers without a country code, the tenant''s unless given; a dry run only reports.';
grant execute on function lists.start_import(uuid, text, lists.import_format, text, text, boolean, jsonb, text, lists.duplicate_policy, boolean)
  to rowhouse_member;
