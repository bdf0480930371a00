create or replace function app.stamp() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function app.stamp() is 'Sets updated_at on every update.';
