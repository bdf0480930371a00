create or replace function lists.undo_import(import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_import lists.list_imports;
begin
  perform app.require_scope('imports:write');
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = import_id for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no import %s.', import_id), 'importId');
  end if;
  if v_import.status <> 'completed' or v_import.is_dry_run then
    perform app.raise('INVALID_STATE', format('Import %s is %s. Only a completed import can be undone.', import_id,
      case when v_import.is_dry_run then 'a dry run' else v_import.status end), 'importId');
  end if;
  update lists.list_imports i set status = 'undoing'
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id
  returning * into v_import;
  return v_import;
end
$$;
comment on function lists.undo_import(uuid) is
  'Takes back a completed import: its entries are deleted (they can be restored), and fields that it filled or overwrote get back what they held, unless somebody changed them since.';
grant execute on function lists.undo_import(uuid) to rowhouse_member;
