-- A segment is a named set of contacts, put together by hand or by rules.
create table if not exists outreach.segments (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  name text not null constraint segments_name_check check (length(btrim(name)) between 1 and 200),
  description text constraint segments_description_check check (length(description) <= 5000),
  type outreach.segment_type not null default 'static',
  member_count bigint not null default 0 constraint segments_member_count_check check (member_count >= 0),
  created_by uuid default app.actor_id(),
  evaluated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint segments_pkey primary key (tenant_id, id)
);
comment on table outreach.segments is E'@typeid seg\nA named set of contacts.';
comment on column outreach.segments.type is 'How contacts come into it; a segment keeps its type.';
comment on column outreach.segments.member_count is 'How many members it has: the living rows of segment_members.';
comment on column outreach.segments.created_by is 'Actor who made the segment.';
comment on column outreach.segments.evaluated_at is 'When its rules were last gone through.';
create unique index if not exists segments_name_key on outreach.segments (tenant_id, name) where deleted_at is null;
create index if not exists segments_type_idx on outreach.segments (tenant_id, type, id);
create index if not exists segments_evaluated_at_idx on outreach.segments (tenant_id, evaluated_at);
create index if not exists segments_created_at_idx on outreach.segments (tenant_id, created_at);
select ddl.foreign_key('outreach.segments', 'created_by', 'iam.actors', 'set null');
select ddl.tenant_table('outreach.segments', p_insert => '{name,description,type}', p_update => '{name,description}');
