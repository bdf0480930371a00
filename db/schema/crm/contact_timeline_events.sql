-- What happened with a contact, for people to read.
create table if not exists crm.contact_timeline_events (
  tenant_id uuid not null default app.tenant_id(),
  id uuid not null default uuidv7(),
  contact_id uuid not null,
  event_type text not null constraint contact_timeline_events_event_type_check check (event_type ~ '^[a-z][a-z0-9_.]{0,99}$'),
  title text not null constraint contact_timeline_events_title_check check (length(btrim(title)) between 1 and 500),
  body text constraint contact_timeline_events_body_check check (length(body) <= 20000),
  channel crm.channel,
  metadata jsonb not null default '{}' constraint contact_timeline_events_metadata_check check (jsonb_typeof(metadata) = 'object'),
  actor_id uuid default app.actor_id(),
  occurred_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint contact_timeline_events_pkey primary key (tenant_id, id)
);
comment on table crm.contact_timeline_events is E'@typeid moment\nSomething that happened with a contact: a call, a note, a message, a change.';
comment on column crm.contact_timeline_events.event_type is 'What kind of thing, such as call.made or note.added.';
comment on column crm.contact_timeline_events.title is 'One line to show.';
comment on column crm.contact_timeline_events.body is 'The rest of it.';
comment on column crm.contact_timeline_events.metadata is 'Details, a JSON object.';
comment on column crm.contact_timeline_events.actor_id is 'Actor who did it.';
create index if not exists contact_timeline_events_contact_id_idx on crm.contact_timeline_events (tenant_id, contact_id, occurred_at, id);
create index if not exists contact_timeline_events_occurred_at_idx on crm.contact_timeline_events (tenant_id, occurred_at);
create index if not exists contact_timeline_events_event_type_idx on crm.contact_timeline_events (tenant_id, event_type, occurred_at);
select ddl.foreign_key('crm.contact_timeline_events', 'contact_id', 'crm.contacts', 'cascade', p_index => false);
select ddl.foreign_key('crm.contact_timeline_events', 'actor_id', 'iam.actors', 'set null');
comment on constraint contact_timeline_events_contact_id_fkey on crm.contact_timeline_events is E'@foreignFieldName timelineEvents';
select ddl.append_only('crm.contact_timeline_events', p_insert => '{contact_id,event_type,title,body,channel,metadata,occurred_at}');
select ddl.masked('crm.contact_timeline_events', '{"title": "text", "body": "text", "metadata": "json"}');
