create or replace function lists.auto_run_enrichment() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
begin
  perform lists.queue_enrichment_run(p, r.id)
  from new_rows r
  join old_rows o on o.tenant_id = r.tenant_id and o.id = r.id
  join lists.enrichment_plans p on p.tenant_id = r.tenant_id and p.list_id = r.list_id
  where r.status = 'completed' and o.status not in ('completed', 'undoing') and not r.is_dry_run
    and r.inserted_count + r.filled_count + r.overwritten_count > 0
    and p.is_auto_run and p.status = 'active' and p.deleted_at is null
    and exists (select from lists.enrichment_plan_steps s
      where s.tenant_id = p.tenant_id and s.enrichment_plan_id = p.id and s.deleted_at is null);
  return null;
end
$$;
comment on function lists.auto_run_enrichment() is 'Starts the automatic plans of a list on the entries that an import brought or changed, once it completes.';
select ddl.trigger('lists.list_imports', '_500_auto_run_enrichment',
  'after update referencing new table as new_rows old table as old_rows for each statement execute function lists.auto_run_enrichment()');
