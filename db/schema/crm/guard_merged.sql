create or replace function crm.guard_merged() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_merge crm.merges;
begin
  select * into v_merge from crm.merges m
  where m.tenant_id = new.tenant_id and m.undone_at is null and (m.loser_contact_id = new.id or m.loser_company_id = new.id);
  if found then
    perform app.raise('INVALID_STATE', format('Row %s of %s was merged into %s. To have it back, undo merge %s.', new.id, tg_table_name,
      coalesce(v_merge.winner_contact_id, v_merge.winner_company_id), v_merge.id), 'id');
  end if;
  return new;
end
$$;
comment on function crm.guard_merged() is 'Refuses to restore what was merged into another record: the merge is undone instead.';
select ddl.trigger('crm.contacts', '_200_merged',
  'before update for each row when (old.deleted_at is not null and new.deleted_at is null) execute function crm.guard_merged()');
select ddl.trigger('crm.companies', '_200_merged',
  'before update for each row when (old.deleted_at is not null and new.deleted_at is null) execute function crm.guard_merged()');
