-- The token in an invitation's link is nowhere, only its hash.
create table if not exists private.invitation_tokens (
  tenant_id uuid not null,
  invitation_id uuid not null,
  token_hash text not null constraint invitation_tokens_token_hash_check check (token_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default now(),
  constraint invitation_tokens_pkey primary key (tenant_id, invitation_id)
);
comment on table private.invitation_tokens is 'SHA-256 of the token in each invitation''s link, in hexadecimal.';
create unique index if not exists invitation_tokens_token_hash_key on private.invitation_tokens (token_hash);
select ddl.foreign_key('private.invitation_tokens', 'invitation_id', 'iam.invitations', 'cascade', p_index => false);
select ddl.private_table('private.invitation_tokens');
grant select, insert, update, delete on private.invitation_tokens to rowhouse_definer;
