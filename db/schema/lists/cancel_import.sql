create or replace function lists.cancel_import(import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_import lists.list_imports;
begin
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = import_id for update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no import %s.', import_id), 'importId');
  end if;
  if v_import.status not in ('awaiting_upload', 'uploading', 'interrupted', 'queued', 'failed') then
    perform app.raise('INVALID_STATE', format('Import %s is %s and cannot be cancelled.%s', import_id, v_import.status,
      case v_import.status when 'completed' then ' Undo it instead.' else '' end), 'importId');
  end if;
  -- An upload that runs finds the status at its next chunk and stops; a queued merge is dropped by the worker.
  update pipeline.jobs j set status = 'cancelled', cancel_requested_at = now(), finished_at = now()
  where j.tenant_id = v_import.tenant_id and j.subject_id = v_import.id and j.status in ('queued', 'retrying');
  update lists.list_imports i set status = 'cancelled', cancelled_at = now(), checkpoint = null
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id
  returning * into v_import;
  perform lists.drop_import_staging(v_import.id);
  return v_import;
end
$$;
comment on function lists.cancel_import(uuid) is 'Cancels an import that has not been merged; what was uploaded is dropped, the list is as before.';
grant execute on function lists.cancel_import(uuid) to rowhouse_member, rowhouse_system;
