create or replace function iam.guard_revoked() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('Row %s of %s was revoked at %s and stays revoked. Make a new one.', old.id, replace(tg_table_name, '_', ' '),
    to_char(old.revoked_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')), 'revokedAt');
  return null;
end
$$;
comment on function iam.guard_revoked() is 'Keeps what was revoked from coming back.';
