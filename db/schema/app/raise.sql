create or replace function app.raise(p_code text, p_message text, p_field text default null, p_details jsonb default null) returns void
language plpgsql stable set search_path to pg_catalog as $$
begin
  raise exception using
    errcode = case p_code
      when 'TENANT_REQUIRED' then 'RH001' when 'NOT_FOUND' then 'RH002' when 'CONFLICT' then 'RH003'
      when 'VALIDATION_FAILED' then 'RH004' when 'FORBIDDEN' then 'RH005' when 'INVALID_STATE' then 'RH006'
      when 'LIMIT_EXCEEDED' then 'RH007' when 'UNAUTHENTICATED' then 'RH008' end,
    message = p_message,
    -- The column slot names the field for the client; the detail slot carries figures as JSON.
    column = coalesce(p_field, ''),
    detail = coalesce(p_details::text, '');
end
$$;
comment on function app.raise(text, text, text, jsonb) is
  'Raises an error of the API by its code. The message says what happened, to what, and what to do; it reaches the client as it is.';
grant execute on function app.raise(text, text, text, jsonb)
  to rowhouse_anonymous, rowhouse_viewer, rowhouse_system, rowhouse_identity, rowhouse_definer;
