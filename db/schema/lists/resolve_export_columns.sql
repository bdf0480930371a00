create or replace function lists.resolve_export_columns(p_list lists.lists, p_columns text[]) returns jsonb
language plpgsql stable set search_path to pg_catalog as $$
declare
  v_known text[] := array(select a.attname from pg_attribute a
    where a.attrelid = 'lists.list_entries'::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname not in ('tenant_id', 'list_id', 'deleted_at') order by a.attnum);
  v_headers text[] := array(select c.value ->> 'name' from jsonb_array_elements(p_list.columns) c);
  v_given text[];
  v_name text;
  v_column text;
  v_result text[] := '{}';
begin
  -- Without columns: what people work with, then everything as it was imported.
  v_given := coalesce(nullif(p_columns, '{}'), array['full_name', 'first_name', 'last_name', 'company_name', 'email', 'email_status',
    'phone', 'phone_e164', 'phone_status', 'phone_type', 'address_line1', 'address_line2', 'city', 'state', 'county', 'postal_code',
    'country', 'time_zone', 'tag', 'score'] || array(select 'data.' || h from unnest(v_headers) with ordinality u (h, n) order by n));
  if cardinality(v_given) > 500 then
    perform app.raise('LIMIT_EXCEEDED', format('An export has at most 500 columns; %s were asked for. Name fewer.', cardinality(v_given)), 'columns');
  end if;
  foreach v_name in array v_given loop
    v_column := v_name;
    if v_column is null then
      perform app.raise('VALIDATION_FAILED', 'A column of an export cannot be null.', 'columns');
    end if;
    if v_column like 'data.%' then
      -- Also a header that no import brought, when an entry has it.
      if not (substr(v_column, 6) = any (v_headers)) and not exists (select from lists.list_entries e
          where e.tenant_id = p_list.tenant_id and e.list_id = p_list.id and e.deleted_at is null and e.data ? substr(v_column, 6)) then
        perform app.raise('VALIDATION_FAILED', format('The list has no column %s. Its imported columns: %s.', v_column,
          coalesce((select string_agg('data.' || h, ', ') from unnest(v_headers) h), 'none')), 'columns');
      end if;
    else
      -- As the API writes it or as the table does: fullName, FULL_NAME, full_name.
      v_column := case when v_column in ('rowId', 'ROW_ID', 'row_id') then 'id' when v_column = upper(v_column) then lower(v_column)
        else regexp_replace(lower(regexp_replace(v_column, '([A-Z])', '_\1', 'g')), '^(address)_line_', '\1_line') end;
      if not (v_column = any (v_known)) then
        perform app.raise('VALIDATION_FAILED', format('There is no column %s.%s The columns: %s; and imported ones as data.<header>.',
          v_name, case when v_name = any (v_headers) then format(' Did you mean data.%s?', v_name) else '' end, array_to_string(v_known, ', ')), 'columns');
      end if;
    end if;
    if v_column = any (v_result) then
      perform app.raise('VALIDATION_FAILED', format('Column %s is there twice. Name each column once.', v_column), 'columns');
    end if;
    v_result := v_result || v_column;
  end loop;
  return to_jsonb(v_result);
end
$$;
comment on function lists.resolve_export_columns(lists.lists, text[]) is
  E'@behavior -*\nThe columns of an export as names of entry columns or data.<header>; a default when none are given. An unknown one is refused by name.';
