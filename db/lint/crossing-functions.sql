-- The functions that look across tenants belong to rowhouse_definer and are listed here by name; a new one needs a line and a reason.
--   private.find_login: nobody is signed in yet; private.find_user: a user is one person in all tenants;
--   private.create_tenant, private.create_user, private.find_tenant_actors: set-up and development commands.
--   private.open_session, exchange_session_token, end_sessions, revoke_token, revocations, password_hash, change_password: sessions of users, who are one person in all tenants;
--   private.begin_login_attempt, take_back_login_attempt, forget_login_failures: nobody is signed in yet.
--   private.masking_changes: every server process serves the viewers of all tenants.
--   private.find_api_key, key_changes, note_key_uses, find_foreign_member: who signs in with a key or a token of another issuer is in no tenant yet.
--   private.keep_feed_consumers, waiting_feed_consumers: one process reads the feeds of all tenants, each under its claims.
--   private.write_event: set-up commands have no claims, and an event is of the tenant of its rows.
--   private.write_audit_logs: a user is one person in all tenants, and set-up commands have no claims.
--   private.waiting_months: a partition holds the rows of all tenants; private.forget_tenants: the tenant is gone.
--   app.find_…: what ddl.searchable() makes; the tenant is written out, and only ids of it come back.
--   private.expired_export_files, private.abandoned_imports: one task clears away for all tenants.
--   private.queue_mail, open_mail, close_mail and open_…_mail: mails may belong to no tenant, and the worker knows only their id;
--   private.begin_registration, find_registration, confirm_registration: there is no tenant yet; private.reset_password: a user is one person in all tenants;
--   private.find_totp, begin_totp, use_totp_step, use_recovery_code, confirm_totp, drop_totp: a user is one person in all tenants;
--   private.find_invitation, accept_invitation: the token alone tells the tenant; private.guard_membership, end_membership: set-up commands have no claims.
--   private.find_webhook_source: the address that a service calls tells the tenant; private.unjudged_webhook_events: one task judges what was left, for all tenants.
--   private.due_automations, automation_tenants, forget_automation_runs: one task looks at the clock, and clears away, for all tenants.
--   private.claim_webhook_deliveries, webhook_tenants, forget_webhook_deliveries: one worker delivers for all tenants; tell_webhook_disabled, open_webhook_mail: mails to users, who belong to none.
-- Violated by: set role rowhouse_definer; create function private.bad() returns int language sql return 1; reset role;
select p.oid::regprocedure::text as object, 'crosses tenants and is not on the list of those that may' as problem
from pg_proc p join pg_roles r on r.oid = p.proowner
where (r.rolbypassrls or r.rolsuper) and p.pronamespace::regnamespace::text = any (ddl.own_schemas())
  and not (p.pronamespace = 'app'::regnamespace and p.proname ~ '^find_' and p.prosrc ~ 't\.tenant_id = %3\$L')
  and p.proname not in ('find_login', 'find_user', 'find_api_key', 'masking_changes', 'key_changes', 'note_key_uses', 'find_foreign_member', 'find_tenant_actors', 'create_tenant', 'create_user', 'expired_export_files', 'abandoned_imports', 'write_audit_logs', 'waiting_months', 'forget_tenants',
    'open_session', 'exchange_session_token', 'end_sessions', 'revoke_token', 'revocations', 'password_hash', 'change_password', 'begin_login_attempt', 'take_back_login_attempt', 'forget_login_failures',
    'keep_feed_consumers', 'waiting_feed_consumers',
    'claim_webhook_deliveries', 'webhook_tenants', 'forget_webhook_deliveries', 'tell_webhook_disabled', 'open_webhook_mail',
    'write_event', 'queue_mail', 'open_mail', 'close_mail', 'open_invitation_mail', 'find_invitation', 'accept_invitation', 'guard_membership', 'end_membership', 'find_totp', 'begin_totp', 'use_totp_step', 'use_recovery_code', 'confirm_totp', 'drop_totp',
    'due_automations', 'automation_tenants', 'forget_automation_runs', 'find_webhook_source', 'unjudged_webhook_events', 'open_reset_mail', 'reset_password', 'begin_registration', 'open_registration_mail', 'find_registration', 'confirm_registration')
