-- Every table of tenants feeds its changes, or is named here: figures, logs, parts of a course of work that tells of itself, and what is
-- not for all who read the feed. A feed knows every column, and shows none that reads like a secret or tells of a person.
-- Violated by: drop trigger _800_feed_on_update on crm.contacts;
-- Violated by: alter table crm.contacts disable trigger _800_feed_on_delete;
-- Violated by: create table lists.bad (tenant_id uuid, id uuid);
-- Violated by: alter table crm.contacts add column zeal integer;
-- Violated by: select ddl.feed('crm.contacts', p_payload => '{primary_email}');
-- Violated by: select ddl.feed('events.webhook_deliveries');
with unfed (name) as (values
  ('audit.audit_logs'), ('events.events'), ('events.webhook_deliveries'), ('events.webhook_subscriptions'), ('events.webhook_replays'),
  ('iam.actors'), ('iam.api_keys'), ('iam.invitations'), ('iam.sessions'),
  ('lists.list_import_rows'), ('lists.enrichment_results'), ('lists.export_files'), ('lists.rpc_scores'),
  ('lists.list_entry_totals'), ('lists.enrichment_result_totals'),
  ('outreach.attempt_logs'), ('outreach.attempt_outcomes'), ('outreach.campaign_stats'), ('outreach.message_delivery_logs'),
  ('outreach.segment_history'), ('outreach.enrollment_variant_assignments'), ('outreach.sequence_schedules'),
  ('outreach.sequence_step_executions'), ('outreach.workflow_run_steps'), ('outreach.workflow_schedules'),
  ('inbox.inbox_assignments'), ('inbox.inbox_thread_totals'),
  ('pipeline.artifacts'), ('pipeline.artifact_parents'), ('pipeline.automation_runs'), ('pipeline.block_executions'), ('pipeline.webhook_event_outcomes'), ('pipeline.webhook_events'),
  ('tracking.analytics_events'), ('tracking.daily_message_summary'), ('tracking.message_open_stats'), ('tracking.tracked_links'), ('tracking.tracking_pixels')
), tables as (
  select c.oid, c.oid::regclass::text as name
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
  where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace::regnamespace::text = any (ddl.domain_schemas())
), feeds as (
  select t.oid, t.name, substring(g.tgname from '_800_feed_on_(.*)') as event, p.prosrc, g.tgargs
  from tables t join pg_trigger g on g.tgrelid = t.oid and g.tgname ~ '^_800_feed_on_' and g.tgenabled in ('O', 'A')
  join pg_proc p on p.oid = g.tgfoid
)
select t.name as object, format('does not feed changes by %s: call ddl.feed(), or name it among the tables without', e.event) as problem
from tables t cross join (values ('insert'), ('update'), ('delete')) e (event)
where t.name not in (select u.name from unfed u) and not exists (select from feeds f where f.oid = t.oid and f.event = e.event)
union all
select distinct f.name, 'feeds its changes, and is named among the tables that do not' from feeds f join unfed u on u.name = f.name
union all
select f.name || '.' || a.attname, 'is not known to the feed of its table: call ddl.feed() again'
from feeds f join pg_attribute a on a.attrelid = f.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.atttypid <> 'tsvector'::regtype
where f.event = 'update' and a.attname not in ('tenant_id', 'id', 'created_at', 'updated_at')
  and split_part(encode(f.tgargs, 'escape'), '\000', 1)::text[] @> array[a.attname::text] is not true
  and f.prosrc !~ ('\mo\."?' || a.attname || '"? is distinct') and f.prosrc ~ 'changed_fields'
union all
select distinct f.name || '.' || k.shown[1], 'is shown to all who read the feed'
from feeds f cross join lateral regexp_matches(f.prosrc, '\mr\."?(\w+)', 'g') k (shown)
where k.shown[1] ~ '(secret|token|hash|password|email|phone|address|identifier|name|body|subject$|value|payload)'
