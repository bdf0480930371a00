-- GraphQL documents of clients that were stored ahead, by the SHA-256 of their text. In the mode `only` the API runs nothing else.
create table if not exists private.trusted_documents (
  hash text primary key,
  document text not null,
  created_at timestamptz not null default now(),
  constraint trusted_documents_hash_check check (hash = encode(sha256(convert_to(document, 'UTF8')), 'hex'))
);
comment on table private.trusted_documents is 'Documents that clients may ask for by their hash; nobody can put another text under it.';
comment on column private.trusted_documents.hash is 'SHA-256 of the document''s UTF-8 bytes, in hexadecimal.';
comment on column private.trusted_documents.document is 'One operation with the fragments that it needs.';
select ddl.private_table('private.trusted_documents');

create or replace function private.find_trusted_document(p_hash text) returns text
language sql stable security definer set search_path to pg_catalog
begin atomic
  select document from private.trusted_documents where hash = p_hash;
end;
comment on function private.find_trusted_document(text) is 'The stored document with a hash, or null.';
grant execute on function private.find_trusted_document(text) to rowhouse_identity;
revoke all on function private.find_trusted_document(text) from public;

create or replace function private.store_trusted_documents(p_documents text[]) returns integer
language sql volatile security definer set search_path to pg_catalog
begin atomic
  with stored as (
    insert into private.trusted_documents (hash, document)
    select distinct encode(sha256(convert_to(d, 'UTF8')), 'hex'), d from unnest(p_documents) d
    on conflict (hash) do nothing
    returning 1
  )
  select count(*)::integer from stored;
end;
comment on function private.store_trusted_documents(text[]) is 'Stores documents by their hashes, and returns how many were not there before.';
grant execute on function private.store_trusted_documents(text[]) to rowhouse_identity;
revoke all on function private.store_trusted_documents(text[]) from public;
