-- Everything that records "by whom" points here: a member, an API key, an automation, or the system itself.
create table if not exists iam.actors (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  kind iam.actor_kind not null,
  membership_id uuid,
  label text not null constraint actors_label_check check (length(label) between 1 and 200),
  last_active_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint actors_pkey primary key (tenant_id, id),
  constraint actors_membership_id_check check ((kind = 'user') = (membership_id is not null))
);
comment on table iam.actors is E'@typeid actor\nWho did something in this tenant.';
comment on column iam.actors.label is 'Name to show, such as the user''s name when the actor was made.';
comment on column iam.actors.last_active_at is 'When it last did something, to the minute or so.';
comment on column iam.actors.membership_id is 'The member, when the actor is a user.';
select ddl.foreign_key('iam.actors', 'membership_id', 'iam.memberships', 'cascade', p_index => false);
create unique index if not exists actors_membership_id_key on iam.actors (tenant_id, membership_id);
create unique index if not exists actors_system_key on iam.actors (tenant_id, kind) where kind = 'system';
select ddl.tenant_table('iam.actors', p_system => 'select');
grant select, insert on iam.actors to rowhouse_definer;
