-- That a contact is in a segment.
create table if not exists outreach.segment_members (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  segment_id uuid not null,
  contact_id uuid not null,
  added_reason outreach.segment_member_reason not null default 'manual',
  added_by uuid default app.actor_id(),
  added_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint segment_members_pkey primary key (tenant_id, id)
);
comment on table outreach.segment_members is E'@typeid segm\nThat a contact is in a segment.';
comment on column outreach.segment_members.added_reason is 'Why it is in: by the rules in a dynamic segment, otherwise in a static one.';
comment on column outreach.segment_members.added_by is 'Actor who put it in.';
create unique index if not exists segment_members_segment_id_contact_id_key
  on outreach.segment_members (tenant_id, segment_id, contact_id) where deleted_at is null;
create index if not exists segment_members_segment_id_idx on outreach.segment_members (tenant_id, segment_id, added_at);
select ddl.foreign_key('outreach.segment_members', 'segment_id', 'outreach.segments', 'cascade', p_index => false);
select ddl.foreign_key('outreach.segment_members', 'contact_id', 'crm.contacts', 'cascade');
select ddl.foreign_key('outreach.segment_members', 'added_by', 'iam.actors', 'set null');
comment on constraint segment_members_segment_id_fkey on outreach.segment_members is
  E'@behavior +manyToMany\n@manyToManyFieldName segments\n@foreignFieldName members';
comment on constraint segment_members_contact_id_fkey on outreach.segment_members is
  E'@behavior +manyToMany\n@manyToManyFieldName contacts\n@foreignFieldName segmentMemberships';
select ddl.tenant_table('outreach.segment_members', p_insert => '{segment_id,contact_id}', p_update => '{deleted_at}');
select ddl.counter('outreach.segment_members', 'segment_id', 'outreach.segments', 'member_count');

create or replace function outreach.guard_segment_member() returns trigger
language plpgsql security definer set search_path to pg_catalog as $$
declare
  v_segment record;
begin
  select s.name, s.type into v_segment
  from (select distinct tenant_id, segment_id, added_reason = 'rule' as is_by_rule from new_rows) n
  join outreach.segments s on s.tenant_id = n.tenant_id and s.id = n.segment_id
  where (s.type = 'dynamic') <> n.is_by_rule limit 1;
  if v_segment.type = 'dynamic' then
    perform app.raise('VALIDATION_FAILED', format('Segment "%s" is dynamic: its rules say who is in. Change the rules, or use a static segment.', v_segment.name),
      'segmentId');
  elsif found then
    perform app.raise('VALIDATION_FAILED', format('Segment "%s" is static and has no rules that could put a contact in.', v_segment.name), 'addedReason');
  end if;
  return null;
end
$$;
comment on function outreach.guard_segment_member() is 'Sees that rules fill dynamic segments, and people the static ones.';
select ddl.trigger('outreach.segment_members', '_200_reason',
  'after insert referencing new table as new_rows for each statement execute function outreach.guard_segment_member()');
