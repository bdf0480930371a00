-- The refresh tokens of a session, one after the other: each is exchanged once, and a second time gives a theft away.
create table if not exists private.session_tokens (
  tenant_id uuid not null,
  id uuid not null default uuidv7(),
  session_id uuid not null,
  token_hash text not null constraint session_tokens_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null default now(),
  constraint session_tokens_pkey primary key (tenant_id, id)
);
comment on table private.session_tokens is 'SHA-256 of each refresh token in hexadecimal. used_at: when it was exchanged for the next one.';
create unique index if not exists session_tokens_token_hash_key on private.session_tokens (token_hash);
create unique index if not exists session_tokens_unused_key on private.session_tokens (tenant_id, session_id) where used_at is null;
select ddl.foreign_key('private.session_tokens', 'session_id', 'iam.sessions', 'cascade');
select ddl.private_table('private.session_tokens');
grant select, insert, update on private.session_tokens to rowhouse_definer;
