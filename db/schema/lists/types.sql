select ddl.enum('lists.list_status', '{"active": "It is worked with.", "archived": "It is kept, and out of the way."}', 'Whether a list is worked with.');
select ddl.enum('lists.import_status', '{
  "awaiting_upload": "The file has not been sent yet.", "uploading": "The file is coming in.",
  "interrupted": "The upload stopped; send the file again and it goes on after the last line that was kept.",
  "queued": "The file is here and waits for a worker.", "merging": "Its rows become entries.", "completed": "Its rows are entries.",
  "failed": "It ended by an error, and changed nothing.", "cancelled": "Somebody stopped it before it changed anything.",
  "undoing": "What it did is being taken back.", "undone": "What it did was taken back."
}', 'Where an import stands.');
select ddl.enum('lists.import_format', '{
  "auto": "Found out from the file.", "csv": "Separated by commas or semicolons.", "tsv": "Separated by tabs.", "jsonl": "A JSON object a line."
}', 'Format of an uploaded file.');
select ddl.enum('lists.duplicate_policy', '{
  "skip": "Leave the row out.", "fill": "Fill the entry''s empty fields.", "overwrite": "Overwrite the entry''s fields.", "keep": "Keep the row as an entry of its own."
}', 'What happens to a row whose phone or e-mail the list has already.');
select ddl.enum('lists.import_outcome', '{
  "inserted": "It became an entry.", "filled": "It filled empty fields of an entry.", "overwritten": "It overwrote fields of an entry.",
  "skipped": "It was left out as a duplicate.", "rejected": "It could not be read; the reject file says why."
}', 'What became of a row of an import.');
select ddl.enum('lists.entry_status', '{"active": "It is worked with.", "archived": "It is kept, and out of the way."}', 'Whether an entry is worked with.');
select ddl.enum('lists.enrichment_status', '{
  "pending": "Not enriched yet.", "enriched": "Every step ended well.", "partial": "Some of its steps failed.", "failed": "Every step failed."
}', 'How enrichment of an entry ended.');
select ddl.enum('lists.name_status', '{
  "unknown": "Not checked.", "valid": "A person''s name.", "invalid": "Not a person''s name."
}', 'What is known of a name.');
select ddl.enum('lists.email_status', '{
  "unknown": "Not checked.", "valid": "Well-formed.", "invalid": "Not an address.", "risky": "Well-formed, but disposable or a role account."
}', 'What is known of an e-mail address.');
select ddl.enum('lists.phone_status', '{
  "unknown": "Not checked.", "valid": "A number of its country''s numbering plan.", "invalid": "Not a number of any plan."
}', 'What is known of a phone number.');
select ddl.enum('lists.address_status', '{
  "unknown": "Not checked.", "valid": "Its parts agree.", "invalid": "Its parts contradict each other.", "partial": "Parts are missing."
}', 'What is known of a postal address.');
select ddl.enum('lists.phone_type', '{
  "fixed_line": "Fixed line.", "mobile": "Mobile.", "fixed_line_or_mobile": "Fixed or mobile: the plan does not tell.", "toll_free": "Free for the caller.",
  "premium_rate": "Costs extra.", "shared_cost": "Cost is shared.", "voip": "Internet telephony.", "personal_number": "Follows a person.",
  "pager": "Pager.", "uan": "Universal access number of a company.", "voicemail": "Voice mail.", "unknown": "Not known."
}', 'What kind of line a phone number is, by its numbering plan.');
select ddl.enum('lists.plan_status', '{
  "active": "It runs when asked, or by itself.", "paused": "It does not run for now.", "archived": "It is kept, and out of the way."
}', 'Whether an enrichment plan runs.');
select ddl.enum('lists.enrichment_block', '{
  "phone": "Phone number: validity, form, kind, place.", "email": "E-mail address: form, provider.", "name": "Name: parts, case, nickname.", "address": "Address: ZIP, city, county, time zone."
}', 'What a step of an enrichment plan looks at.');
select ddl.enum('lists.queue_job_status', '{
  "queued": "Waits for a worker.", "running": "A worker is at it.", "succeeded": "Done.", "failed": "It failed for good.", "cancelled": "Somebody stopped it."
}', 'Where a batch of entries stands.');
select ddl.enum('lists.step_status', '{
  "found": "Something was learnt.", "unchanged": "What was there is right.", "not_found": "Nothing is known.", "invalid": "What was there is wrong.",
  "skipped": "There was nothing to look at.", "failed": "The step failed."
}', 'How a step ended for an entry.');
select ddl.enum('lists.export_status', '{
  "queued": "Waits for a worker.", "running": "The file is being written.", "succeeded": "The file can be fetched.", "failed": "It ended by an error.",
  "cancelled": "Somebody stopped it.", "expired": "Its file was removed."
}', 'Where an export stands.');
select ddl.enum('lists.export_format', '{"csv": "Comma-separated, with a header.", "jsonl": "A JSON object a line."}', 'Format of an exported file.');
select ddl.enum('lists.data_group_kind', '{
  "rpc": "Entries at whose number the right party answers.", "wpc": "Entries at whose number somebody else answers.",
  "dcode": "Entries whose calls ended with certain disposition codes.", "custom": "Entries chosen by a filter, or by hand."
}', 'By what a data group brings entries together.');
select ddl.enum('lists.data_group_membership', '{
  "static": "Entries are put in and taken out one by one.", "rule_based": "The disposition codes and the filter of the group decide."
}', 'How entries come into a data group.');
select ddl.enum('lists.filter_rule_effect', '{
  "accept": "Lets through what it matches, even where a rule that rejects matches, too.", "reject": "Holds back what it matches."
}', 'What a filter rule does.');
select ddl.enum('lists.filter_rule_match', '{
  "phone": "One phone number.", "email": "One e-mail address.", "domain": "E-mail addresses of a domain and of the domains below it.",
  "area_code": "Numbers of an area code of the North American numbering plan.", "prefix": "Phone numbers that begin so.",
  "pattern": "Phone numbers and e-mail addresses that a regular expression matches."
}', 'What a filter rule looks at.');
select ddl.enum('lists.filter_rule_scope', '{
  "outbound": "Messages and calls.", "export": "Exports.", "both": "Messages, calls and exports."
}', 'Where a filter rule holds.');
select ddl.enum('lists.rpc_verdict', '{
  "right_party": "The number is this person''s.", "wrong_party": "The number is somebody else''s.", "unknown": "The score decides neither way."
}', 'Whether a number reaches the person it stands with.');
select ddl.enum('lists.connection_kind', '{
  "webhook": "An address that is called by HTTP.", "ftp": "A folder of an FTP server.", "sftp": "A folder of an SFTP server.",
  "s3": "A bucket of S3-compatible storage.", "email": "Mailboxes."
}', 'What kind of place files and rows are sent to.');
select ddl.enum('lists.connection_status', '{
  "active": "It is used.", "paused": "Nothing is sent for now.", "failing": "The last attempts failed; it is used on."
}', 'Whether a connection is used, and works.');
select ddl.enum('lists.export_delivery_status', '{
  "pending": "Waits for its turn.", "sending": "The file is on its way.", "delivered": "The other side has it.",
  "failed": "The other side did not take it.", "cancelled": "Somebody stopped it."
}', 'Where an attempt to hand over an exported file stands.');
