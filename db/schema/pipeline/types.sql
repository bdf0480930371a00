select ddl.enum('pipeline.job_status', '{
  "queued": "Waits for a worker.", "running": "A worker is at it.", "retrying": "It failed, and is tried again after a while.",
  "succeeded": "It is done.", "cancelled": "Somebody stopped it.", "dead": "It failed for good, and waits for a person to mend the cause and retry it."
}', 'Where a job stands.');
