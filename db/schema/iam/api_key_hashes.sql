-- Hashes of keys stand apart from the keys, where no grant of the API reaches.
create table if not exists private.api_key_hashes (
  tenant_id uuid not null,
  api_key_id uuid not null,
  key_hash text not null constraint api_key_hashes_key_hash_check check (key_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  constraint api_key_hashes_pkey primary key (tenant_id, api_key_id)
);
comment on table private.api_key_hashes is 'SHA-256 of each API key in hexadecimal. A key is long and random, so a slow hash would add nothing.';
-- A request is recognised by its key alone, before the tenant is known.
create unique index if not exists api_key_hashes_key_hash_key on private.api_key_hashes (key_hash);
select ddl.foreign_key('private.api_key_hashes', 'api_key_id', 'iam.api_keys', 'cascade', p_index => false);
select ddl.private_table('private.api_key_hashes');
