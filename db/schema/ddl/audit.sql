create or replace function ddl.audit(
  p_table regclass, p_redacted text[] default '{}', p_scope text default 'tenant_id', p_ignored text[] default '{}', p_entity text default 'id'
) returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_event text;
  v_unknown text;
begin
  -- A name that is spelled wrong would let a secret through.
  select string_agg(n, ', ') into v_unknown
  from unnest(p_redacted || p_ignored || p_entity || case when p_scope <> 'membership' then array[p_scope] else '{}' end) n
  where not exists (select from pg_attribute where attrelid = p_table and attname = n and attnum > 0 and not attisdropped);
  if v_unknown is not null then
    raise exception '% has no column %', p_table, v_unknown;
  end if;
  foreach v_event in array array['insert', 'update', 'delete'] loop
    perform ddl.trigger(p_table, '_900_audit_on_' || v_event, format(
      'after %s referencing %s for each statement execute function audit.record_change(%L, %L, %L, %L)', v_event,
      case v_event when 'insert' then 'new table as new_rows' when 'delete' then 'old table as old_rows'
        else 'old table as old_rows new table as new_rows' end, p_scope, p_redacted, p_ignored, p_entity));
  end loop;
end
$$;
comment on function ddl.audit(regclass, text[], text, text[], text) is
  'Writes every change of a table to the audit log: the values that changed, with the named columns redacted. The scope is the column that names the tenant, or "membership" for what belongs to a user; ignored columns are counters and the like that tell nothing; the entity is the column that tells which row it is.';
