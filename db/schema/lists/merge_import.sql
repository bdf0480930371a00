create or replace function lists.merge_import(p_import_id uuid) returns lists.list_imports
language plpgsql security definer set search_path to pg_catalog set work_mem to '256MB' set jit to off as $$
declare
  v_import lists.list_imports;
  v_staging text := lists.import_staging_name(p_import_id);
  v_has_duplicates boolean := false;
  v_inserted bigint;
begin
  -- Without a lock on the row: it can be cancelled while this runs, and then nothing of this is committed (see the end).
  select * into v_import from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id;
  if not found or v_import.status <> 'merging' then
    return v_import;
  end if;
  if not exists (select from lists.lists where tenant_id = v_import.tenant_id and id = v_import.list_id and deleted_at is null) then
    perform app.raise('NOT_FOUND', 'The list of this import was deleted. Restore it, then retry the job.');
  end if;
  -- Imports into one list follow one another: each must see what the one before it brought.
  perform pg_advisory_xact_lock(hashtext('lists.merge_import'), hashtext(v_import.list_id::text));
  execute format('analyze %s (line_number, email, phone_e164)', v_staging);
  -- The statistics of the entries may be older than the last big import: many rows are never joined one by one.
  perform set_config('enable_nestloop', case when (select reltuples > 1000 from pg_class where oid = v_staging::regclass) then 'off' else 'on' end, true);

  if v_import.duplicate_policy <> 'keep' then
    v_has_duplicates := lists.find_import_duplicates(v_import);
  end if;
  v_inserted := lists.insert_import_rows(v_import, v_has_duplicates);
  if v_has_duplicates then
    perform lists.apply_import_duplicates(v_import);
  end if;
  perform lists.note_import_columns(v_import);
  perform lists.drop_import_staging(v_import.id);

  update lists.list_imports i
  set status = 'completed', completed_at = now(), checkpoint = null, inserted_count = v_inserted, error_code = null, error_message = null,
    filled_count = r.filled, overwritten_count = r.overwritten, skipped_count = r.skipped
  from (select count(*) filter (where outcome = 'filled') as filled, count(*) filter (where outcome = 'overwritten') as overwritten,
      count(*) filter (where outcome = 'skipped') as skipped
    from lists.list_import_rows where tenant_id = v_import.tenant_id and list_import_id = v_import.id) r
  where i.tenant_id = v_import.tenant_id and i.id = v_import.id and i.status = 'merging'
  returning i.* into v_import;
  if not found then
    perform app.raise('INVALID_STATE', 'The import was cancelled while it was merged.');
  end if;
  -- Queries that come now shall know how many rows there are, without waiting for the next autovacuum.
  if v_inserted > 10000 and v_inserted > 0.1 * (select reltuples from pg_class where oid = 'lists.list_entries'::regclass) then
    analyze (skip_locked) lists.list_entries (tenant_id, list_id, id, list_import_id, line_number, email, phone_e164, enrichment_status, last_name, first_name, tag);
  end if;
  return v_import;
end
$$;
comment on function lists.merge_import(uuid) is
  E'@behavior -*\nMerges the staged rows of an import into its list, in one transaction. A dry run only counts and records outcomes.';
grant execute on function lists.merge_import(uuid) to rowhouse_system;
