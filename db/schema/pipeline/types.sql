select ddl.enum('pipeline.job_status', array['queued', 'running', 'retrying', 'succeeded', 'cancelled', 'dead'],
  'Where a job stands. Dead: it failed for good, and waits for a person to mend the cause and retry it.');
