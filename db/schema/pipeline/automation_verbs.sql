-- What an automation may do, and nothing else: verbs of the API under the names that they have there.
create or replace function pipeline.automation_verbs() returns table (verb text, kind text, target text)
language sql immutable set search_path to pg_catalog
begin atomic
  select * from (values
    ('addContactTag', 'function', 'crm.add_contact_tag'), ('removeContactTag', 'function', 'crm.remove_contact_tag'),
    ('assignThread', 'function', 'inbox.assign_thread'), ('startExport', 'function', 'lists.start_export'),
    ('runEnrichmentPlan', 'function', 'lists.run_enrichment_plan'), ('cancelEnrichmentRun', 'function', 'lists.cancel_enrichment_run'),
    ('pauseCampaign', 'function', 'outreach.pause_campaign'), ('resumeCampaign', 'function', 'outreach.resume_campaign'),
    ('scheduleCampaign', 'function', 'outreach.schedule_campaign'), ('cancelCampaign', 'function', 'outreach.cancel_campaign'),
    ('startPipelineRun', 'function', 'pipeline.start_pipeline_run'),
    ('createContact', 'create', 'crm.contacts'), ('updateContact', 'update', 'crm.contacts'),
    ('createCompany', 'create', 'crm.companies'), ('updateCompany', 'update', 'crm.companies'),
    ('createLead', 'create', 'crm.leads'), ('updateLead', 'update', 'crm.leads'),
    ('updateListEntry', 'update', 'lists.list_entries'),
    ('createTask', 'create', 'outreach.tasks'), ('updateTask', 'update', 'outreach.tasks'),
    ('createSequenceEnrollment', 'create', 'outreach.sequence_enrollments'), ('updateSequenceEnrollment', 'update', 'outreach.sequence_enrollments'),
    ('createSegmentMember', 'create', 'outreach.segment_members'),
    ('updateInboxThread', 'update', 'inbox.inbox_threads')) v (verb, kind, target);
end;
comment on function pipeline.automation_verbs() is
  E'@behavior -*\nThe verbs that actions of automations may name: functions of the domain, and tables of which a row is created or changed.';

create or replace function pipeline.verb_arguments(p_kind text, p_target text)
returns table (argument text, name name, type text, kind text, choices text[], is_required boolean)
language sql stable set search_path to pg_catalog
begin atomic
  select pipeline.field_name(a.name), a.name::name, format_type(t.oid, null),
    case when e.choices is not null then 'enum' when t.typname = 'uuid' then 'id' when t.typname = 'jsonb' then 'json' when t.typcategory = 'A' then 'list' else 'value' end,
    e.choices, a.n <= p.pronargs - p.pronargdefaults
  from pg_proc p cross join lateral unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) with ordinality a (name, type, n)
  join pg_type t on t.oid = a.type
  left join lateral (select string_to_array(substring(obj_description(t.oid, 'pg_type') from '@enum ([a-z0-9_,]+)'), ',') as choices) e on true
  where p_kind = 'function' and p.oid = to_regproc(p_target)
  union all
  select f.field, f.column_name, f.type, case f.kind when 'enum' then 'enum' when 'id' then 'id' when 'json' then 'json' when 'list' then 'list' else 'value' end, f.choices,
    case p_kind when 'update' then f.field = 'id'
      else (select a.attnotnull and not a.atthasdef from pg_attribute a where a.attrelid = to_regclass(p_target) and a.attname = f.column_name) end
  from pipeline.row_fields(to_regclass(p_target)) f
  where (p_kind = 'update' and f.field = 'id') or exists (select from unnest(array['rowhouse_member', 'rowhouse_manager', 'rowhouse_admin']) r
    where f.column_name <> 'deleted_at' and has_column_privilege(r, to_regclass(p_target), f.column_name, case p_kind when 'create' then 'insert' when 'update' then 'update' end));
end;
comment on function pipeline.verb_arguments(text, text) is E'@behavior -*\nThe arguments of a verb as the API names them: parameters of the function, or columns that a role may fill.';
grant execute on function pipeline.automation_verbs(), pipeline.verb_arguments(text, text) to rowhouse_manager, rowhouse_system;
