create or replace function lists.cancel_import(import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_import lists.list_imports;
  v_job pipeline.jobs;
begin
  perform app.require_scope('imports:write');
  -- The import first, then its job: the order in which the worker takes them.
  select * into v_import from lists.list_imports i where i.tenant_id = app.tenant_id() and i.id = import_id for no key update;
  if not found then
    perform app.raise('NOT_FOUND', format('There is no import %s.', import_id), 'importId');
  end if;
  if v_import.status not in ('awaiting_upload', 'uploading', 'interrupted', 'queued', 'merging', 'failed') then
    perform app.raise('INVALID_STATE', format('Import %s is %s and cannot be cancelled.%s', import_id, v_import.status,
      case v_import.status when 'completed' then ' Undo it instead.' else '' end), 'importId');
  end if;
  select * into v_job from pipeline.jobs j
  where j.tenant_id = v_import.tenant_id and j.subject_id = v_import.id and j.task = 'merge_import'
  order by j.id desc limit 1 for no key update;
  if v_job.status in ('queued', 'running', 'retrying') then
    select * into v_job from pipeline.cancel_job(v_job.id);
  end if;
  update lists.list_imports i set status = 'cancelled', cancelled_at = now(), checkpoint = null
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id;
  -- An upload that runs finds the status at its next chunk and stops. A merge that runs can commit nothing any more;
  -- it reads the staging table until then, so the worker drops that.
  if v_job.status is distinct from 'running' then
    perform lists.drop_import_staging(v_import.id);
  end if;
  select * into v_import from lists.list_imports i where i.tenant_id = v_import.tenant_id and i.id = v_import.id;
  return v_import;
end
$$;
comment on function lists.cancel_import(uuid) is
  'Cancels an import that is not completed, also while it is uploaded or merged; what was uploaded is dropped, the list is as before.';
grant execute on function lists.cancel_import(uuid) to rowhouse_member, rowhouse_system;
