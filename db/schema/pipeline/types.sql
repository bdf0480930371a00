select ddl.enum('pipeline.job_status', '{
  "queued": "Waits for a worker.", "running": "A worker is at it.", "retrying": "It failed, and is tried again after a while.",
  "succeeded": "It is done.", "cancelled": "Somebody stopped it.", "dead": "It failed for good, and waits for a person to mend the cause and retry it."
}', 'Where a job stands.');
select ddl.enum('pipeline.blueprint_version_status', '{
  "draft": "Is being written, and may change.", "published": "Can be run, and never changes again."
}', 'Where a version of a blueprint stands.');
select ddl.enum('pipeline.pipeline_run_status', '{
  "queued": "Waits for a worker.", "running": "A worker is at it.", "completed": "All its blocks are done.",
  "failed": "A block failed for good.", "cancelled": "Somebody stopped it."
}', 'Where a run of a pipeline stands.');
select ddl.enum('pipeline.pipeline_run_trigger', '{
  "manual": "Somebody asked for it.", "automation": "An automation fired.", "webhook": "A webhook came in.",
  "scheduled": "A schedule was due.", "replay": "An earlier run is done once more."
}', 'What caused a run.');
select ddl.enum('pipeline.block_execution_status', '{
  "pending": "Its turn has not come.", "running": "A worker is at it.", "completed": "It is done.",
  "failed": "It failed for good.", "skipped": "There was nothing to do for it."
}', 'Where a block of a run stands.');
select ddl.enum('pipeline.artifact_storage', '{
  "inline": "In the row itself.", "object": "In object storage, under a path."
}', 'Where the data of an artifact is.');
select ddl.enum('pipeline.signature_scheme', '{
  "none": "Calls are not signed: the address is the only secret.", "standard_webhooks": "HMAC-SHA256 over id, time stamp and body, as Standard Webhooks (and Svix) say.",
  "hmac_sha256": "HMAC-SHA256 over the body.", "hmac_sha1": "HMAC-SHA1 over the body.",
  "stripe": "As Stripe signs.", "twilio": "As Twilio signs: HMAC-SHA1 over address and form fields.", "github": "As GitHub signs: X-Hub-Signature-256."
}', 'How a sender of webhooks signs its calls.');
select ddl.enum('pipeline.signature_encoding', '{"hex": "Hexadecimal digits.", "base64": "Base64."}', 'How a signature is written in its header.');
select ddl.enum('pipeline.webhook_verdict', '{
  "received": "It is stored, and was not judged: the server stopped in between, and the sender got no answer.",
  "valid": "Its signature is right, in time and new: it is processed.", "unsigned": "Its source does not sign: it is processed.",
  "duplicate": "The same event came before: it was answered well, and is not processed again.",
  "missing_signature": "It has no signature.", "malformed_signature": "Its signature, or the header with it, cannot be read, or came twice.",
  "wrong_signature": "Its signature is wrong: another secret, another address, or the body was changed.",
  "stale": "Its time stamp is too old, or in the future.", "replayed": "What was signed came before under another number.",
  "no_secret": "The source is to be signed, and has no secret yet."
}', 'What was found of a webhook that came in. Only those that are valid or unsigned are processed.');
select ddl.enum('pipeline.webhook_outcome', '{
  "processed": "It was worked off.", "ignored": "Nothing waits for it.", "failed": "Working it off failed."
}', 'What became of a webhook that came in.');
