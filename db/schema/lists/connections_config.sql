create or replace function lists.check_connection_config() returns trigger
language plpgsql set search_path to pg_catalog as $$
declare
  -- Key to type; an exclamation mark stands behind what must be there.
  v_known jsonb := case new.kind
    when 'webhook' then '{"url": "string!", "method": "string", "headers": "object"}'
    when 'ftp' then '{"host": "string!", "port": "number", "username": "string", "path": "string", "isTls": "boolean"}'
    when 'sftp' then '{"host": "string!", "port": "number", "username": "string!", "path": "string", "hostKey": "string!"}'
    when 's3' then '{"bucket": "string!", "region": "string!", "endpoint": "string", "prefix": "string", "isPathStyle": "boolean"}'
    when 'email' then '{"to": "array!", "cc": "array", "subject": "string"}' end::jsonb;
  v_problem text;
begin
  select case
      when k.value is null then format('There is no setting "%s".', c.key)
      when c.value is null then format('"%s" is missing.', k.key)
      when c.value in ('""', '[]') and k.value like '%!' then format('"%s" is empty.', k.key)
      else format('"%s" must be of type %s, not %s.', k.key, rtrim(k.value, '!'), jsonb_typeof(c.value)) end
  into v_problem
  from jsonb_each(new.config) c full join jsonb_each_text(v_known) k on k.key = c.key
  where k.value is null or (c.value is null and k.value like '%!') or jsonb_typeof(c.value) <> rtrim(k.value, '!')
    or (c.value in ('""', '[]') and k.value like '%!')
  order by k.value is null desc, coalesce(c.key, k.key) limit 1;
  if v_problem is not null then
    perform app.raise('VALIDATION_FAILED', format('%s The settings of a connection of kind %s are: %s.%s', v_problem, upper(new.kind),
      (select string_agg(key || case when value like '%!' then ' (needed)' else '' end, ', ' order by n)
        from jsonb_each_text(v_known) with ordinality u (key, value, n)),
      case when v_problem ~* '(secret|password|token|access_?key|private_?key)' then ' Secrets are kept apart from them.' else '' end), 'config');
  end if;
  v_problem := case
    when new.config ->> 'url' !~* '^https?://[^\s/@]+(/\S*)?$' then 'The url must begin with https:// or http://, and name no user.'
    when new.config ->> 'endpoint' !~* '^https?://[^\s/@]+(/\S*)?$' then 'The endpoint must begin with https:// or http://, and name no user.'
    when new.config ->> 'method' not in ('POST', 'PUT') then 'The method must be POST or PUT.'
    when new.config ->> 'host' !~ '^[A-Za-z0-9.:-]+$' then 'The host must be a name or an address.'
    when new.config ->> 'port' !~ '^[1-9][0-9]{0,4}$' or (new.config ->> 'port')::float8 > 65535
      then 'The port must be a whole number from 1 to 65535.'
    when concat_ws(E'\n', new.config ->> 'path', new.config ->> 'prefix') ~ '(^|/|\n)\.\.(/|\n|$)' then 'A path must not lead upwards.'
    when exists (select from jsonb_each(new.config -> 'headers') h
        where jsonb_typeof(h.value) <> 'string' or h.key !~ '^[A-Za-z0-9-]+$' or h.value #>> '{}' ~ '[\r\n]')
      then 'A header has a name of letters, digits and hyphens, and one line of text.'
    when exists (select from jsonb_object_keys(new.config -> 'headers') h where h ~* '^(authorization|cookie|x-api-key|proxy-authorization)$')
      then 'Headers that hold a secret have no place here.'
    when exists (select from jsonb_array_elements(coalesce(new.config -> 'to', '[]') || coalesce(new.config -> 'cc', '[]')) a
        where jsonb_typeof(a) <> 'string' or a #>> '{}' !~ '^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$')
      then 'Each recipient must be an e-mail address.'
    when new.config ->> 'subject' ~ '[\r\n]' then 'The subject must be one line.' end;
  if v_problem is not null then
    perform app.raise('VALIDATION_FAILED', v_problem, 'config');
  end if;
  return new;
end
$$;
comment on function lists.check_connection_config() is 'Checks the settings of a connection by its kind: what is needed is there, and nothing unknown, no secret.';
select ddl.trigger('lists.connections', '_200_config',
  'before insert or update of kind, config for each row execute function lists.check_connection_config()');

create or replace function lists.check_connection_columns() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  if exists (select from jsonb_array_elements(new.column_mapping) m
      where jsonb_typeof(m) <> 'object' or coalesce(m ->> 'column', '') = '' or coalesce(m ->> 'name', '') = ''
        or m - '{column,name}'::text[] <> '{}')
    or exists (select from jsonb_array_elements(new.column_mapping) m group by m ->> 'name' having count(*) > 1) then
    perform app.raise('VALIDATION_FAILED',
      'The column mapping is an array of objects such as {"column": "phone_e164", "name": "Phone"}, each name once.', 'columnMapping');
  end if;
  return new;
end
$$;
comment on function lists.check_connection_columns() is 'Checks the form of the column mapping of a connection.';
select ddl.trigger('lists.connections', '_200_columns',
  'before insert or update of column_mapping for each row execute function lists.check_connection_columns()');
