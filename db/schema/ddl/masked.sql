create or replace function ddl.masked(p_table regclass, p_columns jsonb default '{}') returns void
language plpgsql set search_path to pg_catalog as $$
declare
  v_name text := (select relnamespace::regnamespace || '.' || relname from pg_class where oid = p_table);
  v_forms constant jsonb := '{
    "email": "app.mask_email(t.%1$I)", "phone": "app.mask_phone(t.%1$I)", "contact": "app.mask_contact(t.%1$I)", "domain": "app.mask_domain(t.%1$I)",
    "text": "app.mask_text(t.%1$I)", "json": "app.mask_json(t.%1$I)", "names": "app.mask_json(t.%1$I, false, false)",
    "contacts": "app.mask_json(t.%1$I, true)", "hidden": "case when t.%1$I is not null then ''•••'' end"}';
  v_column text;
  v_form text;
begin
  delete from private.masked_columns where table_name = v_name;
  insert into private.masked_columns (table_name, column_name, expression) values (v_name, '', '');
  for v_column, v_form in select * from jsonb_each_text(p_columns) loop
    if not exists (select from pg_attribute where attrelid = p_table and attname = v_column and not attisdropped) then
      raise exception '% has no column %', p_table, v_column;
    end if;
    insert into private.masked_columns (table_name, column_name, expression)
    values (v_name, v_column, coalesce(format(v_forms ->> v_form, v_column), v_form));
  end loop;
end
$$;
comment on function ddl.masked(regclass, jsonb) is
  'Says which columns of a table hold e-mail addresses and phone numbers, and what masked viewers see instead: email, phone, contact, domain, text (what looks like one is hidden), json, names (JSON whose keys tell nothing), contacts (JSON of nothing else), hidden, or an expression over the row t. What it says takes effect by masked/index.sql, which is the last file of the book and follows each change of such a table in a migration.';
