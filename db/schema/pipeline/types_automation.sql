select ddl.enum('pipeline.automation_trigger', '{
  "lead_created": "A lead was made.", "message_received": "A message came in.", "schedule": "The clock reached a time of its schedule.",
  "webhook": "A webhook came in from its source.", "event": "An event of the feed, of the type that its configuration names."
}', 'What sets an automation going.');
select ddl.enum('pipeline.automation_missed_times', '{
  "once": "However many times went by while no worker ran, it fires once for the last of them.", "skip": "Times that went by are let go."
}', 'What an automation does about times of its schedule that were missed.');
select ddl.enum('pipeline.automation_end', '{
  "failing": "Its runs failed again and again.", "rate_limited": "It fired far more often than it may.",
  "never_due": "Its schedule has no time to come."
}', 'Why an automation was switched off by itself.');
select ddl.enum('pipeline.automation_run_status', '{
  "queued": "It fired, and waits for a worker.", "running": "A worker is at it.", "succeeded": "All its actions were done.",
  "failed": "An action failed, and none of them has an effect.", "skipped": "It did not fire: its conditions did not hold, or its time was missed.",
  "refused": "It would have fired, and a limit forbade it."
}', 'What became of a firing of an automation.');
