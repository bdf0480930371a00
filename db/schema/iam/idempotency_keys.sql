-- What was answered to a request that named itself by a key, so that a repeat is answered alike instead of being done again.
create table if not exists private.idempotency_keys (
  tenant_id uuid not null constraint idempotency_keys_tenant_id_fkey references iam.tenants (id) on delete cascade,
  actor_id uuid not null,
  key_hash text not null constraint idempotency_keys_key_hash_check check (key_hash ~ '^[0-9a-f]{64}$'),
  request_hash text not null constraint idempotency_keys_request_hash_check check (request_hash ~ '^[0-9a-f]{64}$'),
  has_effect boolean not null default false,
  sealed_answer bytea,
  locked_until timestamptz not null,
  created_at timestamptz not null default now(),
  constraint idempotency_keys_pkey primary key (tenant_id, actor_id, key_hash)
);
comment on table private.idempotency_keys is
  'Requests that were sent with an Idempotency-Key, for a day. Keys and requests are hashes; an answer may hold a secret and is sealed.';
comment on column private.idempotency_keys.has_effect is 'Whether anything was committed: set in the transaction that commits it.';
comment on column private.idempotency_keys.locked_until is 'Until when a server process is at work on it; it says so anew while it is.';
create index if not exists idempotency_keys_created_at_idx on private.idempotency_keys (created_at);
select ddl.private_table('private.idempotency_keys');

create or replace function private.claim_idempotency_key(p_tenant_id uuid, p_actor_id uuid, p_key_hash text, p_request_hash text)
returns table (outcome text, sealed_answer bytea)
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_key private.idempotency_keys;
begin
  insert into private.idempotency_keys (tenant_id, actor_id, key_hash, request_hash, locked_until)
  values (p_tenant_id, p_actor_id, p_key_hash, p_request_hash, clock_timestamp() + interval '1 minute') on conflict do nothing;
  if found then
    return query select 'claimed', null::bytea;
    return;
  end if;
  select * into v_key from private.idempotency_keys k where (k.tenant_id, k.actor_id, k.key_hash) = (p_tenant_id, p_actor_id, p_key_hash);
  if v_key.request_hash <> p_request_hash then
    return query select 'different', null::bytea;
  elsif v_key.sealed_answer is not null then
    return query select 'answered', v_key.sealed_answer;
  elsif v_key.key_hash is null or v_key.locked_until > clock_timestamp() then
    -- It was let go at this very moment, or somebody is at work on it.
    return query select 'in_progress', null::bytea;
  elsif v_key.has_effect then
    return query select 'answer_lost', null::bytea;
  else
    -- The process that had it died before it committed anything. Of several who see that, one gets it.
    update private.idempotency_keys k set locked_until = clock_timestamp() + interval '1 minute'
    where (k.tenant_id, k.actor_id, k.key_hash) = (p_tenant_id, p_actor_id, p_key_hash) and k.locked_until = v_key.locked_until and not k.has_effect;
    return query select case when found then 'claimed' else 'in_progress' end, null::bytea;
  end if;
end
$$;
comment on function private.claim_idempotency_key(uuid, uuid, text, text) is
  'Takes a key for a minute: claimed; or why not: answered (with the answer), in_progress, different (it named another request), answer_lost (it was done, and its process died before it answered).';

create or replace function private.hold_idempotency_key(p_tenant_id uuid, p_actor_id uuid, p_key_hash text) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update private.idempotency_keys set locked_until = clock_timestamp() + interval '1 minute'
  where (tenant_id, actor_id, key_hash) = (p_tenant_id, p_actor_id, p_key_hash);
end;
comment on function private.hold_idempotency_key(uuid, uuid, text) is 'Keeps a key for another minute.';

create or replace function private.settle_idempotency_key(p_tenant_id uuid, p_actor_id uuid, p_key_hash text, p_has_effect boolean, p_sealed_answer bytea) returns void
language plpgsql security definer set search_path to pg_catalog as $$
begin
  -- What changed nothing may be done again.
  delete from private.idempotency_keys where (tenant_id, actor_id, key_hash) = (p_tenant_id, p_actor_id, p_key_hash) and not (has_effect or p_has_effect);
  update private.idempotency_keys set has_effect = true, sealed_answer = p_sealed_answer, locked_until = clock_timestamp()
  where (tenant_id, actor_id, key_hash) = (p_tenant_id, p_actor_id, p_key_hash);
end
$$;
comment on function private.settle_idempotency_key(uuid, uuid, text, boolean, bytea) is
  'Keeps the answer of a request that changed something, and lets go the key of one that did not.';

create or replace function app.note_effect(p_key_hash text) returns void
language sql security definer set search_path to pg_catalog
begin atomic
  update private.idempotency_keys set has_effect = true
  where (tenant_id, actor_id, key_hash) = (app.tenant_id_or_null(), app.actor_id(), p_key_hash) and not has_effect;
end;
comment on function app.note_effect(text) is 'Notes, in the transaction of a change, that the request of a key has an effect.';
grant execute on function app.note_effect(text) to rowhouse_viewer;

create or replace function private.forget_idempotency_keys(p_limit integer) returns integer
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_count integer;
begin
  delete from private.idempotency_keys k
  using (select tenant_id, actor_id, key_hash from private.idempotency_keys
    where created_at < now() - interval '1 day' and locked_until < now() limit p_limit for update skip locked) old
  where (k.tenant_id, k.actor_id, k.key_hash) = (old.tenant_id, old.actor_id, old.key_hash);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function private.forget_idempotency_keys(integer) is 'Forgets keys that are older than a day; returns how many.';
grant execute on function private.claim_idempotency_key(uuid, uuid, text, text), private.hold_idempotency_key(uuid, uuid, text),
  private.settle_idempotency_key(uuid, uuid, text, boolean, bytea) to rowhouse_identity;
grant execute on function private.forget_idempotency_keys(integer) to rowhouse_worker;
