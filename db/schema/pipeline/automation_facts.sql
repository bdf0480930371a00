create or replace function pipeline.event_facts(p_event jsonb) returns jsonb
language sql stable set search_path to pg_catalog
return (
  select jsonb_build_object('id', app.type_id('evt', (p_event ->> 'id')::uuid), 'type', p_event -> 'type', 'subjectType', p_event -> 'subject_type',
    'subjectId', coalesce(app.type_id(s.prefix, (p_event ->> 'subject_id')::uuid), p_event ->> 'subject_id'),
    'keys', (select coalesce(jsonb_agg(coalesce(app.type_id(s.prefix, k::uuid), k) order by n), '[]')
      from jsonb_array_elements_text(coalesce(nullif(p_event -> 'keys', 'null'), '[]')) with ordinality e (k, n)),
    'changedFields', (select coalesce(jsonb_agg(pipeline.field_name(f)), '[]') from jsonb_array_elements_text(coalesce(nullif(p_event -> 'changed_fields', 'null'), '[]')) f),
    'rowCount', p_event -> 'row_count', 'counts', p_event -> 'counts', 'payload', p_event -> 'payload', 'depth', coalesce(p_event -> 'depth', '0'),
    'actorId', app.type_id('actor', (p_event ->> 'actor_id')::uuid), 'actorKind', (select upper(a.kind) from iam.actors a
      where a.tenant_id = app.tenant_id() and a.id = (p_event ->> 'actor_id')::uuid),
    'correlationId', p_event -> 'correlation_id', 'createdAt', p_event -> 'created_at')
  from (select substring(obj_description(pipeline.table_of(p_event ->> 'subject_type'), 'pg_class') from '@typeid ([a-z_]+)') as prefix) s);
comment on function pipeline.event_facts(jsonb) is E'@behavior -*\nAn event of the feed as conditions and actions see it.';

create or replace function pipeline.webhook_facts(p_webhook_event_id uuid) returns jsonb
language sql stable set search_path to pg_catalog
return (
  select jsonb_build_object('id', app.type_id('wh', e.id), 'type', e.event_type, 'sourceId', app.type_id('whs', e.webhook_source_id), 'receivedAt', e.received_at,
    'payload', e.payload, 'headers', e.headers)
  from pipeline.webhook_events e where e.tenant_id = app.tenant_id() and e.id = p_webhook_event_id);
comment on function pipeline.webhook_facts(uuid) is E'@behavior -*\nA webhook that came in as conditions and actions see it.';

create or replace function pipeline.schedule_facts(p_due_at timestamptz, p_was_missed boolean) returns jsonb
language sql immutable set search_path to pg_catalog
return jsonb_build_object('dueAt', to_char(p_due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'wasMissed', p_was_missed);
comment on function pipeline.schedule_facts(timestamptz, boolean) is E'@behavior -*\nA time of a schedule as conditions and actions see it.';

create or replace function pipeline.subject_fields(p_rules jsonb) returns text[]
language sql immutable set search_path to pg_catalog
return (
  select case when bool_or(n #>> '{}' = 'subject') then null else coalesce(array_agg(distinct split_part(n #>> '{}', '.', 2)) filter (where n #>> '{}' ^@ 'subject.'), '{}') end
  from (select jsonb_path_query(p_rules, 'lax $.**.field') as n union all select jsonb_path_query(p_rules, 'lax $.**.ref')) named);
comment on function pipeline.subject_fields(jsonb) is E'@behavior -*\nWhich fields of the subject conditions or actions name: nothing else is read. Null when they name the whole of it.';

-- Read as the automation, at the moment of the firing or of the run: what its role may not see, it does not know.
create or replace function pipeline.subject_facts(p_automation pipeline.automations, p_role text, p_scopes text[], p_subject_type text, p_ids uuid[], p_fields text[] default null)
returns table (id uuid, facts jsonb)
language plpgsql volatile set search_path to pg_catalog as $$
declare
  v_table regclass := pipeline.table_of(p_subject_type);
  v_claims text[] := pipeline.claims();
begin
  if v_table is null or coalesce(cardinality(p_ids), 0) = 0 or p_fields = '{}' then
    return;
  end if;
  perform pipeline.act_as_automation(p_automation.actor_id, p_role, p_scopes);
  return query select f.id, f.facts from pipeline.row_facts(v_table, p_ids, p_fields) f;
  perform pipeline.restore_claims(v_claims);
exception when insufficient_privilege or sqlstate 'RH005' then
  -- A role that may not read the table, or lacks its scope, sees no row.
  return;
end
$$;
comment on function pipeline.subject_facts(pipeline.automations, text, text[], text, uuid[], text[]) is E'@behavior -*\nThe rows that an event is about, as the automation may see them.';
grant execute on function pipeline.event_facts(jsonb), pipeline.subject_fields(jsonb), pipeline.webhook_facts(uuid), pipeline.schedule_facts(timestamptz, boolean),
  pipeline.subject_facts(pipeline.automations, text, text[], text, uuid[], text[]) to rowhouse_manager, rowhouse_system;
