create or replace function pipeline.table_of(p_name text) returns regclass
language sql stable set search_path to pg_catalog
begin atomic
  select c.oid::regclass from pg_class c
  where c.relname = p_name and c.relkind in ('r', 'p') and not c.relispartition and obj_description(c.oid, 'pg_class') like '%@typeid %' limit 1;
end;
comment on function pipeline.table_of(text) is E'@behavior -*\nThe table of the model that has this name; names are unique across schemas.';

create or replace function pipeline.event_subject(p_types text) returns regclass
language sql stable set search_path to pg_catalog
begin atomic
  select c.oid::regclass from pg_class c
  where ddl.singular(c.relname) = split_part(p_types, '.', 1) and c.relkind in ('r', 'p') and not c.relispartition
    and obj_description(c.oid, 'pg_class') like '%@typeid %' limit 1;
end;
comment on function pipeline.event_subject(text) is E'@behavior -*\nThe table that events of a type, or of a pattern such as contact.*, are about.';

create or replace function pipeline.trigger_event(p_trigger text, p_config jsonb) returns text
language sql immutable parallel safe set search_path to pg_catalog
return case p_trigger when 'lead_created' then 'lead.created' when 'message_received' then 'inbox_message.created' when 'event' then p_config ->> 'event' end;
comment on function pipeline.trigger_event(text, jsonb) is E'@behavior -*\nThe events that a trigger waits for: those of its configuration, or what its name stands for.';

-- What may be named in conditions and actions, by trigger. The kind of a field, or null when there is none of that name.
create or replace function pipeline.fact_kind(p_trigger text, p_subject regclass, p_field text) returns text
language sql stable set search_path to pg_catalog
return case
  when p_trigger in ('event', 'lead_created', 'message_received') then case split_part(p_field, '.', 1)
    when 'event' then case when split_part(p_field, '.', 2) in ('payload', 'counts') then 'json' when p_field ~ '^event\.[^.]+$' then
      '{"type":"text","subjectType":"text","actorKind":"text","id":"id","subjectId":"id","actorId":"id","correlationId":"id","keys":"list","changedFields":"list","rowCount":"number","depth":"number","createdAt":"time"}'::jsonb
        ->> split_part(p_field, '.', 2) end
    when 'subject' then (select f.kind from pipeline.row_fields(p_subject) f
      where f.field = split_part(p_field, '.', 2) and (f.kind = 'json' or p_field ~ '^subject\.[^.]+$')) end
  when p_trigger = 'webhook' and p_field ~ '^webhook\.' then case when split_part(p_field, '.', 2) in ('payload', 'headers') then 'json'
    else '{"webhook.id":"id","webhook.type":"text","webhook.sourceId":"id","webhook.receivedAt":"time"}'::jsonb ->> p_field end
  when p_trigger = 'schedule' then '{"schedule.dueAt":"time","schedule.wasMissed":"boolean"}'::jsonb ->> p_field
end;
comment on function pipeline.fact_kind(text, regclass, text) is
  E'@behavior -*\nThe kind of a field that conditions and actions of a trigger may name, such as subject.firstName or webhook.payload.amount; null for any other.';
grant execute on function pipeline.table_of(text), pipeline.trigger_event(text, jsonb) to rowhouse_manager, rowhouse_system;
