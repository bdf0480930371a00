-- A word to an address that its owner may join the tenant.
create table if not exists iam.invitations (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  email text not null
    constraint invitations_email_check check (email = lower(email) and length(email) <= 320 and email like '%_@_%'),
  role iam.membership_role not null default 'member',
  expires_at timestamptz not null default now() + interval '7 days',
  accepted_at timestamptz,
  accepted_by uuid,
  revoked_at timestamptz,
  revoked_by uuid,
  created_by uuid default app.actor_id(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint invitations_pkey primary key (tenant_id, id),
  constraint invitations_expires_at_check check (expires_at > created_at),
  constraint invitations_accepted_at_check check (accepted_at is null or revoked_at is null),
  constraint invitations_accepted_by_check check (accepted_by is null or accepted_at is not null),
  constraint invitations_revoked_by_check check (revoked_by is null or revoked_at is not null)
);
comment on table iam.invitations is E'@typeid invite\nAn invitation to join this tenant. An address has one open invitation at a time.';
comment on column iam.invitations.email is 'Address that it was sent to, lower case.';
comment on column iam.invitations.role is 'The role that the new member gets.';
comment on column iam.invitations.accepted_by is 'Actor of the member who came of it.';
comment on column iam.invitations.created_by is 'Actor who invited.';
create unique index if not exists invitations_email_key on iam.invitations (tenant_id, email) where accepted_at is null and revoked_at is null;
create index if not exists invitations_created_at_idx on iam.invitations (tenant_id, created_at);
select ddl.foreign_key('iam.invitations', 'accepted_by', 'iam.actors', 'set null');
select ddl.foreign_key('iam.invitations', 'revoked_by', 'iam.actors', 'set null');
select ddl.foreign_key('iam.invitations', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('iam.invitations', p_select_role => 'rowhouse_admin');
select ddl.trigger('iam.invitations', '_200_revoked', $$before update for each row
  when (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at) execute function iam.guard_revoked()$$);

create or replace function iam.guard_accepted_invitation() returns trigger
language plpgsql set search_path to pg_catalog as $$
begin
  perform app.raise('INVALID_STATE', format('The invitation of %s was accepted already. Change the membership instead.', old.email), 'acceptedAt');
  return null;
end
$$;
comment on function iam.guard_accepted_invitation() is 'Keeps an accepted invitation as it is.';
select ddl.trigger('iam.invitations', '_200_accepted', $$before update for each row
  when (old.accepted_at is not null and pg_trigger_depth() = 0) execute function iam.guard_accepted_invitation()$$);
grant select, update on iam.invitations to rowhouse_definer;
