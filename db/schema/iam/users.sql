-- A user is one person, whichever tenants they belong to.
create table if not exists iam.users (
  id uuid primary key default uuidv7(),
  email text not null
    constraint users_email_check check (email = lower(email) and length(email) <= 320 and email like '%_@_%'),
  name text not null constraint users_name_check check (length(btrim(name)) between 1 and 200),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
comment on table iam.users is E'@typeid user\n@behavior -insert -update -delete -bulk -list -connection\nA person who signs in. Tenants see the users who are their members.';
comment on column iam.users.email is 'Address to sign in with, lower case; unique among living users.';
create unique index if not exists users_email_key on iam.users (email) where deleted_at is null;
grant select on iam.users to rowhouse_viewer, rowhouse_system;
grant select, insert, update on iam.users to rowhouse_definer;
alter table iam.users enable row level security;
alter table iam.users force row level security;
select ddl.trigger('iam.users', '_100_stamp', 'before update for each row execute function app.stamp()');
