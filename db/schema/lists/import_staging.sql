-- Where the rows of an upload wait for their merge: a table per import, without indexes, dropped in one piece.
-- It is logged, because what an upload was told to be kept must survive the death of PostgreSQL, too.
create or replace function lists.import_staging_name(p_import_id uuid) returns text
language sql immutable set search_path to pg_catalog
return format('staging.%I', 'import_' || replace(p_import_id::text, '-', ''));
comment on function lists.import_staging_name(uuid) is E'@behavior -*\nThe staging table of an import.';
grant execute on function lists.import_staging_name(uuid) to rowhouse_system;

create or replace function lists.create_import_staging(p_import_id uuid) returns text
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text := lists.import_staging_name(p_import_id);
begin
  -- The table itself has no policy (COPY allows none): so its name is given to the import's own tenant only.
  if not exists (select from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id) then
    perform app.raise('NOT_FOUND', format('There is no import %s.', p_import_id), 'importId');
  end if;
  if to_regclass(v_name) is null then
    execute format('create table %s (
      line_number bigint not null, data jsonb not null,
      full_name text, first_name text, middle_name text, last_name text, name_suffix text, nickname text, company_name text,
      email text, phone text, address_line1 text, address_line2 text, city text, state text, postal_code text, country text,
      phone_e164 text) with (autovacuum_enabled = off, toast.autovacuum_enabled = off)', v_name);
    execute format('grant select, insert on %s to rowhouse_system', v_name);
  end if;
  return v_name;
end
$$;
comment on function lists.create_import_staging(uuid) is E'@behavior -*\nMakes the staging table of an import of this tenant, if it is not there, and names it.';
grant execute on function lists.create_import_staging(uuid) to rowhouse_system;

create or replace function lists.drop_import_staging(p_import_id uuid) returns void
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_name text := lists.import_staging_name(p_import_id);
begin
  if not exists (select from lists.list_imports where tenant_id = app.tenant_id() and id = p_import_id) then
    perform app.raise('NOT_FOUND', format('There is no import %s.', p_import_id), 'importId');
  end if;
  -- Asked first, because "if exists" tells every caller with a notice that there was nothing to drop.
  if to_regclass(v_name) is not null then
    execute format('drop table %s', v_name);
  end if;
end
$$;
comment on function lists.drop_import_staging(uuid) is E'@behavior -*\nDrops the staging table of an import of this tenant.';
grant execute on function lists.drop_import_staging(uuid) to rowhouse_system;
