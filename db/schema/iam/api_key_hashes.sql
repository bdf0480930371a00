-- Hashes of keys stand apart from the keys, where no grant of the API reaches. A key that was rotated has two for a while.
create table if not exists private.api_key_hashes (
  tenant_id uuid not null,
  id uuid not null default uuidv7(),
  api_key_id uuid not null,
  key_hash text not null constraint api_key_hashes_key_hash_check check (key_hash ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  constraint api_key_hashes_pkey primary key (tenant_id, id)
);
comment on table private.api_key_hashes is
  'SHA-256 of each API key in hexadecimal. A key is long and random, so a slow hash would add nothing. expires_at: when the secret was replaced and ends before the key does.';
-- A request is recognised by its key alone, before the tenant is known.
create unique index if not exists api_key_hashes_key_hash_key on private.api_key_hashes (key_hash);
select ddl.foreign_key('private.api_key_hashes', 'api_key_id', 'iam.api_keys', 'cascade');
select ddl.private_table('private.api_key_hashes');
grant select on private.api_key_hashes to rowhouse_definer;
