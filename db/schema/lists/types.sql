select ddl.enum('lists.list_status', array['active', 'archived'], 'Whether a list is worked with.');
select ddl.enum('lists.import_status',
  array['awaiting_upload', 'uploading', 'interrupted', 'queued', 'merging', 'completed', 'failed', 'cancelled', 'undoing', 'undone'],
  'Where an import stands. Interrupted: the upload stopped; send the file again and it goes on after the last line that was kept.');
select ddl.enum('lists.import_format', array['auto', 'csv', 'tsv', 'jsonl'], 'Format of an uploaded file.');
select ddl.enum('lists.duplicate_policy', array['skip', 'fill', 'overwrite', 'keep'],
  'What happens to a row whose phone or e-mail the list has already: leave it out, fill the entry''s empty fields, overwrite the entry''s fields, or keep it as an entry of its own.');
select ddl.enum('lists.import_outcome', array['inserted', 'filled', 'overwritten', 'skipped', 'rejected'], 'What became of a row of an import.');
select ddl.enum('lists.entry_status', array['active', 'archived'], 'Whether an entry is worked with.');
select ddl.enum('lists.enrichment_status', array['pending', 'enriched', 'partial', 'failed'], 'How enrichment of an entry ended. Partial: some of its steps failed.');
select ddl.enum('lists.name_status', array['unknown', 'valid', 'invalid'], 'What is known of a name.');
select ddl.enum('lists.email_status', array['unknown', 'valid', 'invalid', 'risky'], 'What is known of an e-mail address. Risky: well-formed, but disposable or a role account.');
select ddl.enum('lists.phone_status', array['unknown', 'valid', 'invalid'], 'What is known of a phone number.');
select ddl.enum('lists.address_status', array['unknown', 'valid', 'invalid', 'partial'], 'What is known of a postal address.');
select ddl.enum('lists.phone_type',
  array['fixed_line', 'mobile', 'fixed_line_or_mobile', 'toll_free', 'premium_rate', 'shared_cost', 'voip', 'personal_number', 'pager', 'uan', 'voicemail', 'unknown'],
  'What kind of line a phone number is, by its numbering plan.');
select ddl.enum('lists.plan_status', array['active', 'paused', 'archived'], 'Whether an enrichment plan runs.');
select ddl.enum('lists.enrichment_block', array['phone', 'email', 'name', 'address'], 'What a step of an enrichment plan looks at.');
select ddl.enum('lists.queue_job_status', array['queued', 'running', 'succeeded', 'failed', 'cancelled'], 'Where a batch of entries stands.');
select ddl.enum('lists.step_status', array['found', 'unchanged', 'not_found', 'invalid', 'skipped', 'failed'], 'How a step ended for an entry.');
select ddl.enum('lists.export_status', array['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'], 'Where an export stands.');
select ddl.enum('lists.export_format', array['csv', 'jsonl'], 'Format of an exported file.');
