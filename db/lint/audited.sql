-- Every change of a sensitive table is written to the audit log. A new one needs a line here and in audit/audited_tables.sql.
-- Violated by: drop trigger _900_audit_on_insert on iam.memberships;
-- Violated by: drop trigger _900_audit_on_delete on lists.connections;
-- Violated by: alter table iam.api_keys disable trigger _900_audit_on_update;
with sensitive (name) as (values
  ('iam.tenants'), ('iam.users'), ('iam.memberships'), ('iam.api_keys'), ('iam.invitations'), ('lists.connections'), ('lists.export_jobs'),
  ('lists.filter_rules'), ('pipeline.automations'), ('pipeline.webhook_sources'), ('events.webhook_subscriptions'), ('crm.contact_consents')
)
select s.name as object, format('has no trigger that writes every %s to the audit log: call ddl.audit()', e.event) as problem
from sensitive s cross join (values ('insert'), ('update'), ('delete')) e (event)
where not exists (
  select from pg_trigger t where t.tgrelid = s.name::regclass and t.tgname = '_900_audit_on_' || e.event
    and t.tgenabled in ('O', 'A') and t.tgfoid = 'audit.record_change()'::regprocedure
)
