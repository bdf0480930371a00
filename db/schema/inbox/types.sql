select ddl.enum('inbox.thread_status', '{
  "open": "Waits for us.", "pending": "Waits for the contact.", "snoozed": "Comes back at a set time.", "closed": "Is done."
}', 'Where a conversation stands.');
select ddl.enum('inbox.thread_priority', '{
  "low": "Can wait.", "normal": "As it comes.", "high": "Goes first.", "urgent": "Goes before everything."
}', 'How urgent a conversation is.');
select ddl.enum('inbox.message_direction', '{"inbound": "From the contact.", "outbound": "From us.", "internal": "A note that the contact does not see."}', 'Which way a message goes.');
select ddl.enum('inbox.sla_kind', '{"first_response": "Until the first answer.", "resolution": "Until the conversation is closed."}', 'What a service-level clock measures.');
select ddl.enum('inbox.sla_clock_status', '{
  "running": "It runs.", "paused": "It stands still while we wait for the contact.", "met": "It was stopped in time.", "breached": "It ran out."
}', 'Where a service-level clock stands.');
