-- Every sensitive table: who may do what, where data goes, what is let through, what people agreed to. Ignored is what is
-- written as the row is used, such as counters.
select ddl.audit('iam.tenants', p_scope => 'id');
select ddl.audit('iam.users', p_scope => 'membership');
select ddl.audit('iam.memberships');
select ddl.audit('iam.api_keys', p_ignored => '{last_used_at}');
select ddl.audit('iam.invitations');
select ddl.audit('lists.connections', p_ignored => '{last_tested_at,last_test_error,last_used_at}');
select ddl.audit('lists.export_jobs', p_ignored => '{row_count,byte_count,total_count}');
select ddl.audit('lists.filter_rules');
select ddl.audit('pipeline.automations', p_ignored => '{trigger_count,last_triggered_at,next_run_at,failure_count}');
select ddl.audit('pipeline.webhook_sources', p_redacted => '{path_token}');
select ddl.audit('events.webhook_subscriptions', p_ignored => '{failure_count,failing_since,active_since,start_position}');
select ddl.audit('crm.contact_consents');

-- What a secret is stays unknown, that it was set or replaced does not.
select ddl.audit('private.user_credentials', '{password_hash}', p_scope => 'membership', p_entity => 'user_id');
select ddl.audit('private.connection_secrets', '{sealed_secret}', p_entity => 'connection_id');
select ddl.audit('private.webhook_source_secrets', '{sealed_secret,previous_sealed_secret}', p_entity => 'webhook_source_id');
select ddl.audit('private.webhook_subscription_secrets', '{sealed_secret,previous_sealed_secret}', p_entity => 'webhook_subscription_id');
select ddl.audit('private.user_totp', '{sealed_secret}', p_scope => 'membership', p_ignored => '{last_step}', p_entity => 'user_id');
-- That somebody asked for a new password, and that the link was used: its token is gone then.
select ddl.audit('private.password_reset_tokens', '{token_hash}', p_scope => 'membership', p_entity => 'user_id');
