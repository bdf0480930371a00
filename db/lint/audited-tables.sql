-- Every change of a sensitive table is written to the audit log, and no secret with it. A new one needs a line here and in
-- audit/audited_tables.sql.
-- Violated by: drop trigger _900_audit_on_update on iam.memberships;
-- Violated by: alter table lists.connections disable trigger _900_audit_on_delete;
-- Violated by: drop trigger _900_audit_on_insert on private.user_credentials;
-- Violated by: alter table iam.api_keys add column client_secret text;
-- Violated by: select ddl.audit('pipeline.webhook_sources');
with sensitive (name) as (values
  ('iam.tenants'), ('iam.users'), ('iam.memberships'), ('iam.api_keys'), ('iam.invitations'),
  ('lists.connections'), ('lists.export_jobs'), ('lists.filter_rules'),
  ('pipeline.automations'), ('pipeline.webhook_sources'), ('events.webhook_subscriptions'), ('crm.contact_consents'),
  ('private.user_credentials'), ('private.user_totp'), ('private.password_reset_tokens'), ('private.connection_secrets'), ('private.webhook_source_secrets'), ('private.webhook_subscription_secrets')
), audits as (
  select tgrelid, substring(tgname from '_900_audit_on_(.*)') as event,
    split_part(encode(tgargs, 'escape'), '\000', 2)::text[] as redacted, split_part(encode(tgargs, 'escape'), '\000', 3)::text[] as ignored
  from pg_trigger where tgname ~ '^_900_audit_on_' and tgenabled in ('O', 'A') and tgfoid = 'audit.record_change()'::regprocedure
)
select s.name as object, format('changes by %s are not written to the audit log: call ddl.audit()', e.event) as problem
from sensitive s cross join (values ('insert'), ('update'), ('delete')) e (event)
where not exists (select from audits a where a.tgrelid = s.name::regclass and a.event = e.event)
union all
select distinct format('%s.%s', a.tgrelid::regclass, t.attname), 'reads like a secret and is written to the audit log: name it to ddl.audit() as redacted'
from audits a join pg_attribute t on t.attrelid = a.tgrelid and t.attnum > 0 and not t.attisdropped
where t.attname ~ '(secret|token|hash|cipher|password|private_key)' and t.attname <> all (a.redacted || a.ignored)
