-- Every sensitive table: who may do what, where data goes, what is let through, what people agreed to.
select ddl.audit('iam.tenants', p_scope => 'id');
select ddl.audit('iam.users', p_scope => 'membership');
select ddl.audit('iam.memberships');
select ddl.audit('iam.api_keys', p_ignored => '{last_used_at}');
select ddl.audit('iam.invitations');
select ddl.audit('lists.connections');
select ddl.audit('lists.export_jobs', p_ignored => '{row_count,byte_count,total_count}');
select ddl.audit('lists.filter_rules');
select ddl.audit('pipeline.automations', p_ignored => '{trigger_count,last_triggered_at}');
select ddl.audit('pipeline.webhook_sources', p_redacted => '{path_token}');
select ddl.audit('events.webhook_subscriptions');
select ddl.audit('crm.contact_consents');
