select ddl.enum('outreach.sequence_status', '{
  "draft": "Is being written.", "active": "Takes new people and moves them on.", "paused": "Stands still.", "archived": "Is kept, and out of the way."
}', 'Whether a sequence runs.');
select ddl.enum('outreach.step_type', '{
  "email": "Sends an e-mail.", "sms": "Sends a text message.", "whatsapp": "Sends a WhatsApp message.", "call": "Asks somebody to call.",
  "linkedin": "Asks somebody to write on LinkedIn.", "task": "Asks somebody to do something.", "wait": "Waits."
}', 'What a step of a sequence does.');
select ddl.enum('outreach.enrollment_status', '{
  "active": "Moves from step to step.", "paused": "Stands still.", "replied": "Ended, because the contact answered.", "bounced": "Ended, because the contact cannot be reached.",
  "unsubscribed": "Ended, because the contact wants no messages.", "completed": "Went through all steps.", "cancelled": "Somebody ended it."
}', 'Where a contact stands in a sequence.');
select ddl.enum('outreach.step_execution_status', '{
  "pending": "Its time has not come.", "running": "Is being done.", "done": "Is done.", "skipped": "Was passed over.", "failed": "Failed for good."
}', 'Where a step of an enrollment stands.');
select ddl.enum('outreach.workflow_status', '{
  "draft": "Is being drawn.", "active": "Takes new runs.", "paused": "Takes no new runs.", "archived": "Is kept, and out of the way."
}', 'Whether a workflow runs.');
select ddl.enum('outreach.workflow_version_status', '{"draft": "Is being drawn, and may change.", "published": "Can be run, and never changes again."}', 'Where a version of a workflow stands.');
select ddl.enum('outreach.workflow_run_status', '{
  "running": "Moves from node to node.", "waiting": "Waits for a time or an event.", "paused": "Stands still.", "completed": "Reached an end.",
  "failed": "Failed for good.", "cancelled": "Somebody ended it."
}', 'Where a run of a workflow stands.');
select ddl.enum('outreach.node_type', '{
  "trigger": "Starts the run.", "condition": "Chooses a way.", "delay": "Waits.", "split": "Chooses a way by chance.", "action": "Does something.", "goal": "Ends the run, with what was wanted."
}', 'What a node of a workflow does.');
select ddl.enum('outreach.experiment_status', '{"draft": "Is being prepared.", "running": "Gives people variants.", "stopped": "Gives no more variants.", "decided": "Has a winner."}', 'Where an experiment stands.');
select ddl.enum('outreach.task_kind', '{"call": "Call somebody.", "email": "Write to somebody.", "message": "Send somebody a message.", "review": "Look at something.", "other": "Something else."}', 'What there is to do.');
select ddl.enum('outreach.task_status', '{"open": "Waits for somebody.", "in_progress": "Somebody is at it.", "done": "Is done.", "cancelled": "Need not be done."}', 'Where a task stands.');
select ddl.enum('outreach.attempt_status', '{"queued": "Waits to go out.", "sent": "Went out.", "delivered": "Arrived.", "failed": "Did not arrive.", "responded": "Was answered."}', 'What became of an attempt.');
select ddl.enum('outreach.attempt_direction', '{"outbound": "From us.", "inbound": "From the lead."}', 'Which way an attempt went.');
select ddl.enum('outreach.response_type', '{"positive": "Is interested.", "negative": "Is not interested.", "neutral": "Neither.", "dnc": "Wants no more contact."}', 'What an answer says.');
