-- Every table whose changes others follow. Left out as ignored is what is counted or noted as the row is used. The payload
-- has ids and states only: viewers read it, and what a row says is for its own table to show.
select ddl.feed('iam.memberships', p_payload => '{role}');

select ddl.feed('crm.contacts');
select ddl.feed('crm.channel_identifiers', p_payload => '{contact_id,channel}');
select ddl.feed('crm.contact_addresses', p_payload => '{contact_id}');
select ddl.feed('crm.contact_attributes', p_payload => '{contact_id}');
select ddl.feed('crm.contact_consents', p_payload => '{contact_id,channel,purpose,is_granted}');
select ddl.feed('crm.contact_tags');
select ddl.feed('crm.contact_tag_mapping', p_payload => '{contact_id,contact_tag_id}');
select ddl.feed('crm.contact_timeline_events', p_payload => '{contact_id,event_type}');
select ddl.feed('crm.companies');
select ddl.feed('crm.positions', p_payload => '{contact_id,company_id}');
select ddl.feed('crm.sectors');
select ddl.feed('crm.leads', p_ignored => '{attempt_count,last_attempt_at,last_response_at}', p_payload => '{status,assigned_to}');
select ddl.feed('crm.lead_contacts', p_payload => '{lead_id,contact_id}');
select ddl.feed('crm.lead_labels');
select ddl.feed('crm.lead_label_mapping', p_payload => '{lead_id,lead_label_id}');
select ddl.feed('crm.merges', p_payload => '{winner_contact_id,loser_contact_id,winner_company_id,loser_company_id}');

select ddl.feed('lists.lists', p_ignored => '{entry_count}', p_payload => '{status}');
select ddl.feed('lists.list_imports', p_status => 'status', p_payload => '{list_id,is_dry_run}', p_ignored => '{headers,byte_count,line_count,accepted_count,rejected_count,warning_count,inserted_count,filled_count,overwritten_count,skipped_count,removed_count,restored_count,checkpoint}');
-- Imported by the million and enriched by the hundred: what changed is not worked out.
select ddl.feed('lists.list_entries', p_compare => false, p_payload => '{list_id}');
select ddl.feed('lists.data_groups', p_ignored => '{entry_count,evaluated_at}', p_payload => '{list_id}');
select ddl.feed('lists.data_group_entries', p_payload => '{data_group_id,list_entry_id}');
select ddl.feed('lists.filter_rules');
select ddl.feed('lists.enrichment_plans', p_ignored => '{run_count,last_run_at}', p_payload => '{list_id,status}');
select ddl.feed('lists.enrichment_plan_steps', p_payload => '{enrichment_plan_id}');
select ddl.feed('lists.enrichment_queue_jobs', p_status => 'status', p_payload => '{enrichment_plan_id,list_id}',
  p_ignored => '{entry_count,processed_count,changed_count,failed_count,attempt_count,progress_log,leased_by,lease_expires_at,started_at}');
select ddl.feed('lists.export_jobs', p_status => 'status', p_payload => '{list_id}', p_ignored => '{row_count,byte_count,total_count}');
select ddl.feed('lists.export_deliveries', p_status => 'status', p_payload => '{export_job_id,connection_id}', p_ignored => '{byte_count}');
select ddl.feed('lists.connections', p_ignored => '{last_tested_at,last_test_error,last_used_at}', p_payload => '{kind,status}');

select ddl.feed('outreach.template_categories');
select ddl.feed('outreach.templates', p_payload => '{status}');
select ddl.feed('outreach.template_versions', p_status => 'status', p_payload => '{template_id}');
select ddl.feed('outreach.whatsapp_hsm_approvals', p_status => 'status', p_payload => '{template_id,template_version_id}');
select ddl.feed('outreach.prompts');
select ddl.feed('outreach.segments', p_ignored => '{member_count,evaluated_at}');
select ddl.feed('outreach.segment_rules', p_payload => '{segment_id}');
select ddl.feed('outreach.segment_members', p_payload => '{segment_id,contact_id}');
select ddl.feed('outreach.campaigns', p_status => 'status');
select ddl.feed('outreach.campaign_segments', p_payload => '{campaign_id,segment_id}');
select ddl.feed('outreach.campaign_variants', p_payload => '{campaign_id}');
select ddl.feed('outreach.campaign_recipients', p_status => 'status', p_payload => '{campaign_id,contact_id}');
select ddl.feed('outreach.sequences', p_status => 'status', p_ignored => '{enrollment_count}');
select ddl.feed('outreach.sequence_steps', p_payload => '{sequence_id}');
select ddl.feed('outreach.step_experiments', p_status => 'status', p_payload => '{sequence_step_id}');
select ddl.feed('outreach.step_experiment_variants', p_payload => '{step_experiment_id}');
select ddl.feed('outreach.sequence_enrollments', p_status => 'status', p_payload => '{sequence_id,contact_id}');
select ddl.feed('outreach.tasks', p_status => 'status', p_payload => '{kind,assigned_to,contact_id,lead_id}');
select ddl.feed('outreach.messages', p_status => 'status', p_payload => '{contact_id,campaign_id,direction,channel}', p_ignored => '{retry_count}');
select ddl.feed('outreach.message_dead_letters', p_payload => '{message_id}', p_ignored => '{attempt_count}');
select ddl.feed('outreach.workflows', p_status => 'status');
select ddl.feed('outreach.workflow_versions', p_status => 'status', p_payload => '{workflow_id}');
select ddl.feed('outreach.workflow_runs', p_status => 'status', p_payload => '{workflow_version_id,contact_id,lead_id}', p_ignored => '{context}');

select ddl.feed('inbox.inbox_threads', p_status => 'status', p_payload => '{contact_id,channel,assigned_to}', p_ignored => '{message_count,unread_count,last_message_at}');
select ddl.feed('inbox.inbox_messages', p_payload => '{thread_id,direction,channel}');
select ddl.feed('inbox.inbox_canned_responses');
select ddl.feed('inbox.inbox_sla_policies');
select ddl.feed('inbox.inbox_sla_clocks', p_status => 'status', p_payload => '{thread_id,kind}', p_ignored => '{paused_seconds}');

select ddl.feed('pipeline.jobs', p_status => 'status', p_payload => '{task,subject_type,subject_id}', p_ignored => '{attempt_count,progress,worker_id,started_at}');
select ddl.feed('pipeline.blueprints');
select ddl.feed('pipeline.blueprint_versions', p_status => 'status', p_payload => '{blueprint_id}');
select ddl.feed('pipeline.pipeline_runs', p_status => 'status', p_payload => '{blueprint_version_id,trigger_type}', p_ignored => '{stats,retry_count}');
select ddl.feed('pipeline.automations', p_ignored => '{trigger_count,last_triggered_at,next_run_at,failure_count}', p_payload => '{is_enabled,disabled_reason}');
select ddl.feed('pipeline.webhook_sources', p_payload => '{is_active}');
-- Of webhooks that come in only those are told that are taken: what strangers send must not fill the feed (private.apply_webhook_verdict).
