create or replace function iam.revoke_api_key(api_key_id uuid) returns iam.api_keys
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_maker record := private.key_maker();
  v_key iam.api_keys := private.managed_api_key(revoke_api_key.api_key_id, v_maker);
begin
  -- Who stole a key may have made others with it.
  with recursive made as (
    select k.id, k.actor_id from iam.api_keys k where k.tenant_id = v_key.tenant_id and k.id = v_key.id
    union
    select k.id, k.actor_id from made m join iam.api_keys k on k.tenant_id = v_key.tenant_id and k.created_by = m.actor_id
  )
  update iam.api_keys k set revoked_at = clock_timestamp(), revoked_by = v_maker.actor_id
  from made m where k.tenant_id = v_key.tenant_id and k.id = m.id and k.revoked_at is null;
  select * into v_key from iam.api_keys k where k.tenant_id = v_key.tenant_id and k.id = v_key.id;
  return v_key;
end
$$;
comment on function iam.revoke_api_key(uuid) is
  'Ends an API key, and the keys that were made with it: they are refused within a second, and their sockets closed. One that was revoked stays as it is.';
grant execute on function iam.revoke_api_key(uuid) to rowhouse_member;
