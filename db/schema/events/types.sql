select ddl.enum('events.webhook_subscription_status', '{
  "active": "Events are delivered.", "disabled": "Nothing is delivered, until somebody switches it on again."
}', 'Whether an outgoing webhook works.');
select ddl.enum('events.webhook_subscription_end', '{
  "manual": "Somebody switched it off.", "failing": "Deliveries failed again and again.", "gone": "The receiver said that the address exists no more."
}', 'Why an outgoing webhook was switched off.');
select ddl.enum('events.webhook_delivery_status', '{
  "pending": "Waits for its turn.", "delivering": "A worker is at it.", "delivered": "The receiver took it.",
  "failed": "It did not go through, and is tried again later.", "dead": "It was tried often enough, and waits for a person to replay it."
}', 'Where the delivery of an event stands.');
select ddl.enum('events.webhook_replay_status', '{
  "queued": "Waits for a worker.", "running": "A worker makes its deliveries.", "succeeded": "All its deliveries are made.", "failed": "It ended with an error."
}', 'Where a replay of events stands.');
