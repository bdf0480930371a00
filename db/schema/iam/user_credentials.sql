-- Password hashes stand apart from users, where no grant of the API reaches.
create table if not exists private.user_credentials (
  user_id uuid primary key constraint user_credentials_user_id_fkey references iam.users (id) on delete cascade,
  password_hash text not null constraint user_credentials_password_hash_check check (password_hash like '$argon2id$%'),
  updated_at timestamptz not null default now()
);
comment on table private.user_credentials is 'Argon2id hashes of passwords in PHC string format.';
select ddl.private_table('private.user_credentials');
grant select, insert, update on private.user_credentials to rowhouse_definer;
select ddl.trigger('private.user_credentials', '_100_stamp', 'before update for each row execute function app.stamp()');
